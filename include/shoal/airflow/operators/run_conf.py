"""A run's parameters: what a person or a backfill said, for a backfill the window of its month; and how the run started."""

from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from airflow.sdk import Asset, Context

from shoal.airflow.assets import arrivals_uri
from shoal.bucket.arrived import Arrived
from shoal.contract.errors import ConfigError
from shoal.contract.run_names import backfill_dag_id, dataset_of, is_continuation, reanalyse_dag_id
from shoal.models.approval import Asks
from shoal.models.versions import LATEST
from shoal.plan.commands import month_command, trigger_command
from shoal.settings.dataset import Dataset
from shoal.settings.run_form import RunParams
from shoal.settings.said_params import say_params

BACKFILL, SCHEDULED, MANUAL, BY_ASSET = "backfill", "scheduled", "manual", "asset_triggered"
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
                f"A backfill's windows are its months: {' and '.join(said)} in its conf would count for none - leave it out"
            )
        given |= {"window_start": dag_run.data_interval_start, "window_end": dag_run.data_interval_end}
        return RunParams.parse(given)
    params, dataset = RunParams.parse(given), dataset_of(dag_run.dag_id)
    by_month = dataset is not None and dag_run.dag_id == backfill_dag_id(dataset)
    if dataset is not None and by_month and not is_continuation(dag_run.run_id) and not params.window.is_month:
        raise ConfigError(_explain_no_month(params, dataset))
    return params


def _explain_no_month(params: RunParams, dataset: str) -> str:
    said = params.model_dump(mode="json", exclude_defaults=True)
    rest = {name: value for name, value in said.items() if not name.startswith("window_")}
    anything = trigger_command(reanalyse_dag_id(dataset), said)
    months = month_command(dataset, params.window, rest)
    ways_on = (
        f"{months} looks at whole months, {anything} at anything else"
        if months is not None
        else f"no month that is past is in that, and the one in progress is the next full run's: {anything} "
        "looks at it now"
    )
    return (
        f"Runs of {backfill_dag_id(dataset)} look at one calendar month each (UTC), and this one asks for "
        f"{say_params(params, {}) or 'everything'} - {ways_on}"
    )


def is_somebody_s_own(context: Context) -> bool:
    """Whether a person started the run: one that finds nothing then fails, as they meant something else."""
    dag_run = context["dag_run"]
    return bool(dag_run.run_type == MANUAL) and not is_continuation(dag_run.run_id)


def find_arrived(context: Context, dataset: Dataset) -> Arrived | None:
    """Tell in which folders the events that started a run say something is new; None where others did, or nothing."""
    if context["dag_run"].run_type != BY_ASSET:
        return None
    uri, prefix = arrivals_uri(dataset.name), dataset.source.prefix
    told = [
        event.extra
        for asset, events in context["triggering_asset_events"].items()
        if isinstance(asset, Asset) and asset.uri == uri
        for event in events
    ]
    if not told or not dataset.source.events:
        return None
    # What a watcher tells is wrapped, what a person sends by the REST API is not.
    found = [Arrived.read(prefix, extra.get("payload", extra)) for extra in told]
    return reduce(lambda one, other: one.joined(prefix, other), found)


def only_notices(context: Context, dataset: Dataset) -> bool:
    """Whether the run only tells of a release: it was started by one alone, and the dataset names the version it uses."""
    by_asset = context["dag_run"].run_type == BY_ASSET and dataset.model.version != LATEST
    return by_asset and find_arrived(context, dataset) is None


def when_to_ask(context: Context, dataset: Dataset) -> Asks:
    """Tell by how a run was started whether a person may be asked: for a few images that came nobody is woken."""
    started = context["dag_run"].run_type
    if find_arrived(context, dataset) is not None:
        return Asks.NEVER
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
