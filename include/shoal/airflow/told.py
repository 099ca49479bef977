"""What people were told lately: the same thing once a night, or a night that goes wrong in ten runs tells of it ten times.

It stands in variables of Airflow's, which tasks, the DAG processor and the triggerer may write: one for each DAG and kind of
message, so that a failure that is written down at the same moment as a question takes nothing from it. Where nobody can read it,
people are told.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Variable

from shoal.airflow.supervised import can_ask_airflow
from shoal.contract.errors import one_line
from shoal.contract.units import read_time, utc_text

log = logging.getLogger(__name__)

PREFIX = "shoal_told_"
"""Of the keys of these variables, one for each DAG and kind."""

A_NIGHT = timedelta(hours=12)
"""Longer than a night with all its continuations, shorter than from one to the next."""

MOST = 50
"""Things of a kind that are kept, the last ones: causes of failures, questions, versions."""

_DESCRIPTION = "What Shoal told those in `alerts` lately, so that nobody is told the same twice a night."
_FIGURES = re.compile(r"(?P<code>\b(?:answered|HTTP|status) [45]\d\d\b)|(?P<address>\S*(?:://|\w:\d)\S*)|\S*\d\S*")
"""Times, run keys, names of pods and counts: a cause that came again has others. Where a server is and what it answered tell
causes apart."""


@dataclass(frozen=True)
class Thing:
    """What people are told of.

    Attributes:
        dag_id: The DAG it happened in.
        kind: A word.
        what: Tells it from others of its kind.
    """

    dag_id: str
    kind: str
    what: str = ""

    @classmethod
    def caused(cls, dag_id: str, kind: str, cause: str) -> "Thing":
        """Name what has a cause: the same words with other figures are the same cause."""
        return cls(dag_id, kind, _FIGURES.sub(_without_figures, cause))

    @property
    def variable(self) -> str:
        """Key of the variable that remembers it."""
        return f"{PREFIX}{self.dag_id}_{self.kind}"

    @property
    def key(self) -> str:
        """Names it there: what failed may be long, and is nothing to read twice."""
        return hashlib.sha256(self.what.encode("utf-8", "replace")).hexdigest()[:12]


def _without_figures(found: re.Match[str]) -> str:
    if found["code"]:
        return found[0]
    return re.sub(r"\d+", "#", found[0]) if found["address"] else "#"


def tell_once(thing: Thing, now: datetime, send: Callable[[str], bool]) -> bool:
    """Send a message unless one of the same thing was sent in this night; what was not is told with the next one.

    Args:
        thing: Of which it tells.
        now: UTC.
        send: Sends it, with words about those that were not; returns whether anybody was reached.

    Returns:
        Whether it was sent, or could not be.
    """
    untold = find_untold(thing, now)
    if untold is None:
        return False
    if send(untold):
        note_told(thing, now)
    return True


def find_untold(thing: Thing, now: datetime) -> str | None:
    """Find words about those that were not told, before one is sent; None where it is not to be, which is counted.

    Args:
        thing: Of which it would tell.
        now: UTC.
    """
    told = _read(thing.variable)
    last = told.get(thing.key)
    # One of the future was written by a clock that is wrong, or by a person: it would keep everybody in the dark until then.
    if last is not None and timedelta(0) <= now - read_time(last["at"]) < A_NIGHT:
        _write(thing.variable, {**told, thing.key: {"at": last["at"], "more": last["more"] + 1}})
        return None
    more = last["more"] if last else 0
    return f" ({more} more of this kind since {last['at']} were not told)" if last and more else ""


def note_told(thing: Thing, now: datetime) -> None:
    """Write down that somebody was told of it."""
    _write(thing.variable, {**_read(thing.variable), thing.key: {"at": utc_text(now), "more": 0}})


def _read(variable: str) -> dict[str, dict[str, Any]]:
    if not can_ask_airflow():
        return {}
    try:
        found = json.loads(Variable.get(variable, default="{}"))
        return {
            str(key): {"at": utc_text(read_time(entry["at"]).astimezone(UTC)), "more": int(entry["more"])}
            for key, entry in found.items()
        }
    except Exception as err:  # noqa: BLE001 - nor is what a person wrote there a reason to tell nobody
        log.warning("What was told lately is not known (variable %s): %s", variable, one_line(err))
        return {}


def _write(variable: str, told: dict[str, dict[str, Any]]) -> None:
    if not can_ask_airflow():
        return
    kept = dict(sorted(told.items(), key=lambda entry: str(entry[1]["at"]))[-MOST:])
    try:
        Variable.set(variable, json.dumps(kept, separators=(",", ":")), description=_DESCRIPTION)
    except Exception as err:  # noqa: BLE001 - Airflow's own errors differ from release to release
        log.warning("What was told is not written down (variable %s): %s", variable, one_line(err))
