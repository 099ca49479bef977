"""A run's parameters: what a person or a backfill said, for a backfill the window of its month; and how the run started."""

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Context

from shoal.contract.errors import ConfigError
from shoal.contract.run_names import is_continuation
from shoal.models.approval import Asks
from shoal.models.versions import LATEST
from shoal.settings.dataset import Dataset
from shoal.settings.run_form import RunParams

BACKFILL, SCHEDULED, MANUAL, RELEASE = "backfill", "scheduled", "manual", "asset_triggered"
LISTING_SERVES = timedelta(hours=24)


def read_params(context: Context) -> RunParams:
    """Read and check a run's parameters; a run of Airflow's backfill looks at its data interval.

    The interval counts only there: Airflow gives one to every run with a logical date, also to one a person triggers.

    Raises:
        ConfigError: One line naming the first bad parameter.
    """
    given: dict[str, Any] = dict(context["params"])
    dag_run = context["dag_run"]
    if dag_run.run_type == BACKFILL and dag_run.data_interval_start and dag_run.data_interval_end:
        if said := [name for name in ("window_start", "window_end") if given.get(name)]:
            raise ConfigError(
                f"A backfill's windows are its months: {' and '.join(said)} in its conf would count for none - leave it out, "
                f"or trigger {dag_run.dag_id} by hand with it"
            )
        given |= {"window_start": dag_run.data_interval_start, "window_end": dag_run.data_interval_end}
    return RunParams.parse(given)


def only_notices(context: Context, dataset: Dataset) -> bool:
    """Whether the run only tells of a release: it was started by one, and the dataset names the version it uses."""
    return context["dag_run"].run_type == RELEASE and dataset.model.version != LATEST


def when_to_ask(context: Context) -> Asks:
    """Tell by how a run was started whether a person may be asked."""
    started = context["dag_run"].run_type
    return {SCHEDULED: Asks.NEVER, MANUAL: Asks.AGAIN}.get(started, Asks.ONCE)


def reuse_listing_since(context: Context, schedule: str | None, now: datetime) -> datetime | None:
    """Tell from when on another run's listing serves this one as well; None where it must list anew.

    A continuation and the months of a backfill share a listing of the last 24 hours, but none from before the dataset's cron
    fired: while a chain of continuations runs Airflow starts no nightly run, so the chain looks for the new images.

    Args:
        context: Airflow's.
        schedule: The dataset's cron expression, in UTC.
        now: UTC.
    """
    dag_run = context["dag_run"]
    if dag_run.run_type != BACKFILL and not is_continuation(dag_run.run_id):
        return None
    if schedule is None:
        return now - LISTING_SERVES
    from croniter import croniter  # noqa: PLC0415 - only where a dataset has a schedule

    fired: datetime = croniter(schedule, now).get_prev(datetime)
    return max(now - LISTING_SERVES, fired)
