"""The note of a run: what it was asked for, its plan, what came of it or why it failed and what to do next, links to its pages.

Airflow's scheduler calls these when a run starts and ends, in its own session. A note is shown as Markdown, holds a
thousand characters and may be a person's: theirs stays, ours stands below it.
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.listeners import hookimpl

from shoal.airflow.pages.links import run_path
from shoal.airflow.xcom_keys import CAUSE, CHANGED, PLAN, SAID, TELLS
from shoal.contract.errors import ConfigError, shown
from shoal.contract.run_names import dataset_of

if TYPE_CHECKING:
    from airflow.models import DagRun
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

LONGEST = 1000
"""Characters of a note; PostgreSQL refuses more, and with it the scheduler's whole turn."""

KEPT = 200
"""Characters that a person's text keeps at least, if it has them."""

MARK = "— Shoal: "
"""Begins each of our lines in a note that a person wrote, so that they are found again."""

MOST_CAUSES = 3

Hook = Callable[["DagRun", str], None]


def _only_ours(hook: Hook) -> Hook:
    """Leave other people's runs alone, and never disturb the scheduler."""

    @wraps(hook)
    def called(dag_run: "DagRun", msg: str) -> None:
        try:
            if dataset_of(dag_run.dag_id) is not None and "shoal" in getattr(dag_run.dag, "tags", ()):
                hook(dag_run, msg)
        except Exception:
            log.exception("The note of run %s of %s is not written", dag_run.run_id, dag_run.dag_id)

    return called


@hookimpl
@_only_ours
def on_dag_run_running(dag_run: "DagRun", msg: str) -> None:  # noqa: ARG001 - Airflow's signature
    """Say what the run was asked for as soon as it starts, or what cannot be understood of it."""
    write_note(dag_run, [_asked(dag_run)])


@hookimpl
@_only_ours
def on_dag_run_failed(dag_run: "DagRun", msg: str) -> None:
    """Say why; a run that a person marked failed needs no explanation, and one that `pools` ended has its own."""
    if "manually" not in msg and (causes := _read(dag_run, CAUSE, failed=True)):
        lines = [*causes, _next_step(dag_run), *_read(dag_run, CHANGED), _asked(dag_run), *_read(dag_run, TELLS)]
        write_note(dag_run, lines, _links(dag_run))


@hookimpl
@_only_ours
def on_dag_run_success(dag_run: "DagRun", msg: str) -> None:  # noqa: ARG001
    """Say what was understood, planned and found; why it failed before it was cleared is old news."""
    told = _read(dag_run, TELLS)
    lines = [*_read(dag_run, SAID), *_read(dag_run, CHANGED), _asked(dag_run), *reversed(told)]
    if any(lines):
        write_note(dag_run, lines, _links(dag_run))
    else:
        clear_note(dag_run)


def write_note(dag_run: "DagRun", lines: Iterable[str], links: str = "") -> None:
    """Write lines into a run's note: below what a person wrote, in place of what we wrote before; none leaves it as it is.

    Args:
        dag_run: The run.
        lines: Plain text; the last ones go where there is no room for all.
        links: Markdown of ours, as it is: whole or not at all.
    """
    ours = list(dict.fromkeys(_as_markdown(line) for line in lines if line))
    if not ours:
        return
    note = dag_run.dag_run_note
    theirs = "" if note is None or note.user_id is None else _theirs(note.content)
    mark = MARK if note is not None and note.user_id is not None else ""
    end = f"\n\n{mark}{links}" if links else ""
    text = _below(theirs, "\n\n".join(f"{mark}{line}" for line in ours), end)
    if note is None or note.content != text:
        dag_run.note = text


def clear_note(dag_run: "DagRun") -> None:
    """Take out of a run's note what we wrote."""
    note = dag_run.dag_run_note
    if note is None:
        return
    left = None if note.user_id is None else _theirs(note.content)
    if note.content != left:
        dag_run.note = left


def _theirs(content: str | None) -> str:
    """Read what a person wrote, above our lines or below them: each of ours is one line and says so."""
    return re.sub(rf"(?:\A|\n{{1,2}}){re.escape(MARK)}[^\n]*", "", content or "").strip()


def _below(theirs: str, ours: str, end: str) -> str:
    """Join a person's text and ours; where there is no room for both, the newest cause counts more than a long text."""
    kept = min(len(theirs), KEPT) + 2 if theirs else 0
    if kept + len(end) > LONGEST // 2:
        end = ""
    most = LONGEST - kept - len(end)
    ours = (ours if len(ours) <= most else f"{ours[: most - 1].rstrip(chr(92))}…") + end
    if not theirs:
        return ours
    room = LONGEST - len(ours) - 2
    return f"{theirs if len(theirs) <= room else f'{theirs[: room - 1]}…'}\n\n{ours}"


def _next_step(dag_run: "DagRun") -> str:
    """Name the command that goes on from a failure: `why` where there is a plan to ask about, else `check`."""
    name, planned = dataset_of(dag_run.dag_id), _planned(dag_run)
    return f"next: python -m shoal {f'why {name}/' + planned['run_key'] if planned else f'check {name}'}"


def _links(dag_run: "DagRun") -> str:
    """Link what a person wants to see of a run, from the page they are on; a task has its buttons two clicks further."""
    planned = _planned(dag_run)
    if planned is None:
        return ""
    summarized = any(task_id == "summarize" for task_id, _ in _rows(dag_run, TELLS))
    pages = ("report", "summary", "plan") if summarized else ("plan",)
    # One that is not built of what Shoal names could be anything.
    paths = {page: run_path(page, dag_run.dag_id, planned) for page in pages}
    return " · ".join(f"[{page.capitalize()}]({quote(path)})" for page, path in paths.items())


def _planned(dag_run: "DagRun") -> Mapping[str, str] | None:
    found = [value for _, value in _rows(dag_run, PLAN) if isinstance(value, Mapping)]
    return next((value for value in found if {"variant", "run_key"} <= value.keys()), None)


def _asked(dag_run: "DagRun") -> str:
    from shoal.settings.run_form import RunParams  # noqa: PLC0415 - the scheduler starts without them
    from shoal.settings.said_params import say_params  # noqa: PLC0415

    typed = dict(dag_run.conf or {})
    try:
        return say_params(RunParams.parse(typed), typed, by_month=dag_run.run_type == "backfill")
    except ConfigError as err:
        return str(err)


def _read(dag_run: "DagRun", key: str, *, failed: bool = False) -> list[str]:
    """Read what tasks of a run said, the first first; one that repeats another is left out."""
    found: list[str] = []
    for _, value in _rows(dag_run, key, failed=failed):
        text = str(value)
        if not any(earlier in text for earlier in found):
            found.append(text)
    return found[:MOST_CAUSES]


def _rows(dag_run: "DagRun", key: str, *, failed: bool = False) -> list[tuple[str, Any]]:
    """Read which tasks of a run said what under a key, the first first."""
    from airflow.models.xcom import XComModel  # noqa: PLC0415
    from airflow.utils.state import TaskInstanceState  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415
    from sqlalchemy.orm import object_session  # noqa: PLC0415

    session: Session | None = object_session(dag_run)
    if session is None:
        return []
    kept: Any = select(XComModel).where(
        XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == key
    )
    rows = session.scalars(kept.order_by(XComModel.timestamp)).all()
    if failed:
        # What a task said before it was cleared and went on without running again is no cause any more.
        instances = dag_run.get_task_instances(state=[TaskInstanceState.FAILED], session=session)
        now = {(instance.task_id, instance.map_index) for instance in instances}
        rows = [row for row in rows if (row.task_id, row.map_index) in now]
    return [(row.task_id, XComModel.deserialize_value(row)) for row in rows]


def _as_markdown(line: str) -> str:
    """Write a line so that it is shown as it is: Airflow leaves out what looks like HTML, and loads what looks like a picture."""
    return re.sub(r"([\\<\[`*])", r"\\\1", shown(line))
