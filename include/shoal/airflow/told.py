"""What people were told lately: of one kind once a night, or a night that goes wrong in ten runs tells of it ten times.

It stands in a variable of Airflow's, which tasks and the DAG processor may write; where nobody can read it, people are told.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Variable

from shoal.contract.errors import one_line
from shoal.contract.units import utc_text

log = logging.getLogger(__name__)

PREFIX = "shoal_told_"
"""Of the keys of these variables, one a dataset."""

A_NIGHT = timedelta(hours=12)
"""Longer than a night with all its continuations, shorter than from one to the next."""

MOST = 50
"""Kinds that are kept; an approval and a release have one for each model version."""

_DESCRIPTION = "What Shoal told those in `alerts` lately, so that nobody is told the same twice a night."


def tell_once(dataset: str, kind: str, now: datetime, send: Callable[[str], bool]) -> bool:
    """Send a message unless one of its kind was sent in this night; what was not is told with the next one.

    Args:
        dataset: Of which it tells.
        kind: What it tells.
        now: UTC.
        send: Sends it, with words about those that were not; returns whether anybody was reached.

    Returns:
        Whether it was sent, or could not be.
    """
    told = _read(dataset)
    last = told.get(kind)
    if last is not None and now - datetime.fromisoformat(last["at"]) < A_NIGHT:
        _write(dataset, {**told, kind: {"at": last["at"], "more": last["more"] + 1}})
        return False
    more = last["more"] if last else 0
    since = f" ({more} more of this kind since {last['at']} were not told)" if last and more else ""
    if send(since):
        _write(dataset, {**told, kind: {"at": utc_text(now), "more": 0}})
    return True


def _read(dataset: str) -> dict[str, dict[str, Any]]:
    if not _can_ask():
        return {}
    try:
        found = json.loads(Variable.get(f"{PREFIX}{dataset}", default="{}"))
        return {
            str(kind): {"at": utc_text(datetime.fromisoformat(entry["at"])), "more": int(entry["more"])}
            for kind, entry in found.items()
        }
    except Exception as err:  # noqa: BLE001 - nor is what a person wrote there a reason to tell nobody
        log.warning("What was told of %s lately is not known: %s", dataset, one_line(err))
        return {}


def _write(dataset: str, told: dict[str, dict[str, Any]]) -> None:
    if not _can_ask():
        return
    kept = dict(sorted(told.items(), key=lambda entry: str(entry[1]["at"]))[-MOST:])
    try:
        Variable.set(f"{PREFIX}{dataset}", json.dumps(kept, separators=(",", ":")), description=_DESCRIPTION)
    except Exception as err:  # noqa: BLE001 - Airflow's own errors differ from release to release
        log.warning("What was told of %s is not written down: %s", dataset, one_line(err))


def _can_ask() -> bool:
    """Whether Airflow answers this process; see `open_runs.list_open_runs`."""
    from airflow.sdk.execution_time import task_runner  # noqa: PLC0415

    return getattr(task_runner, "SUPERVISOR_COMMS", None) is not None
