"""Commands of Airflow's that people are told, whole, to copy: in one line, as terminals and pages break lines as they like."""

import json
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shoal.contract.run_names import backfill_dag_id, reanalyse_dag_id
from shoal.settings.run_form import Window

if TYPE_CHECKING:
    from shoal.results.stored_plan import StoredPlan

_A_DAY = timedelta(days=1)


def trigger_command(dag_id: str, conf: Mapping[str, Any]) -> str:
    """Write the command that starts one run."""
    return f"airflow dags trigger {dag_id}{_option('--conf', conf)}"


def start_again(dataset: str, said: Mapping[str, Any], **also: Any) -> str:
    """Write the command that goes on by hand with what a run left, or was refused.

    Args:
        dataset: Name of the dataset.
        said: Parameters of the run, as plan.json has them: all that were said are said again, but for `plan_only`.
        also: Parameters in place of these.
    """
    # By hand always in this DAG: the other one takes whole months, and what goes on by itself.
    kept = {name: value for name, value in said.items() if value and name != "plan_only"}
    return trigger_command(reanalyse_dag_id(dataset), kept | also)


def ask_again(plan: "StoredPlan") -> str:
    """Say how somebody is asked once more about work that was refused: a run that a person starts asks also after a no."""
    return f"to be asked again: {start_again(plan.dataset, plan.params_json, model_version=plan.model.version)}"


def month_command(dataset: str, window: Window, conf: Mapping[str, Any], now: datetime | None = None) -> str | None:
    """Write the command that looks at whole months, also at those that were looked at before.

    Args:
        dataset: Name of the dataset.
        window: What is wanted; the months that it touches are named, the month before `now` where it says nothing.
        conf: The other parameters.
        now: Airflow backfills months only that are past by then; default: the clock.

    Returns:
        None where no month that is past is in the window: the one in progress is the next full run's.
    """
    last_past = (now or datetime.now(UTC)).replace(tzinfo=None, day=1) - _A_DAY
    end = min(last_past, window.end - timedelta(seconds=1)) if window.end else last_past
    start = window.start or end
    if (start.year, start.month) > (end.year, end.month):
        return None
    return backfill_command(dataset, start, end, conf)


def backfill_command(dataset: str, first: datetime, last: datetime, conf: Mapping[str, Any]) -> str:
    """Write the command that looks at the months from that of `first` to that of `last`."""
    return (
        f"airflow backfill create --dag-id {backfill_dag_id(dataset)} --from-date {first:%Y-%m}-01 --to-date {last:%Y-%m}-01 "
        f"--reprocess-behavior completed --max-active-runs 1{_option('--dag-run-conf', conf)}"
    )


def _option(name: str, conf: Mapping[str, Any]) -> str:
    return f" {name} {shlex.quote(json.dumps(dict(conf)))}" if conf else ""
