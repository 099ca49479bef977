"""Commands of Airflow's that people are told, whole, to copy: in one line, as terminals and pages break lines as they like."""

import json
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shoal.contract.run_names import backfill_dag_id
from shoal.settings.run_form import Window

_A_DAY = timedelta(days=1)


def trigger_command(dag_id: str, conf: Mapping[str, Any]) -> str:
    """Write the command that starts one run."""
    return f"airflow dags trigger {dag_id}{_option('--conf', conf)}"


def month_command(dataset: str, window: Window, conf: Mapping[str, Any], now: datetime | None = None) -> str:
    """Write the command that looks at whole months, also at those that were looked at before.

    Args:
        dataset: Name of the dataset.
        window: What is wanted; the months that it touches are named, the month before `now` where it says nothing.
        conf: The other parameters.
        now: Airflow backfills months only that are past by then; default: the clock.
    """
    last_past = (now or datetime.now(UTC)).replace(tzinfo=None, day=1) - _A_DAY
    end = min(last_past, window.end - timedelta(seconds=1)) if window.end else last_past
    start = min(window.start or end, end)
    return (
        f"airflow backfill create --dag-id {backfill_dag_id(dataset)} --from-date {start:%Y-%m}-01 --to-date {end:%Y-%m}-01 "
        f"--reprocess-behavior completed --max-active-runs 1{_option('--dag-run-conf', conf)}"
    )


def _option(name: str, conf: Mapping[str, Any]) -> str:
    return f" {name} {shlex.quote(json.dumps(dict(conf)))}" if conf else ""
