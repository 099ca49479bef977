"""Images of a run that its model looks at once more: what an edit of rows, and of all that follows from them, cannot foresee.

Which ones is drawn by the sha256 of the result, which every row has a part in: whoever edits rows draws others by it.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shoal.contract.errors import ShoalError, StoreError, one_line, shown
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.look_again import COMMAND, MANIFEST, PLAN, ROWS
from shoal.contract.units import agreed, counted
from shoal.engines.local.process import worker_environment
from shoal.history.verification.same_rows import tell_difference
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset_stores import Stores
from shoal.stores.kinds import write_env
from shoal.tables.session import Database

MOST = 1000
"""Images of one recheck: they are looked at one after the other, and their rows are in memory."""

START_S, IMAGE_S = 120.0, 60.0
"""Seconds that the worker has, to begin and for each image."""

TOLD = 5
"""Images whose difference is told; of the others, how many there are."""

_NOT_THERE = {"changed", "gone", "denied"}

_DRAWN = """
    SELECT * FROM accounted
    WHERE fate IN ('reused', 'processed', 'failed') AND reason IS DISTINCT FROM 'killed_worker'
    ORDER BY sha256(getvariable('drawn_by') || chr(0) || key || chr(0) || object_version) LIMIT ?
"""


@dataclass(frozen=True)
class Recheck:
    """What a new look at some images found.

    Attributes:
        asked: How many were asked for.
        drawn: How many were drawn: fewer where the run has no more.
        same: How many rows are what the model sees now.
        absent: How many images are no longer in their bucket as they were listed.
        deviations: One sentence each.
        note: What was looked at, or why nothing was.
    """

    asked: int
    drawn: int = 0
    same: int = 0
    absent: int = 0
    deviations: tuple[str, ...] = ()
    note: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Images, as `verify --json` tells them."""
        return {name: getattr(self, name) for name in ("asked", "drawn", "same", "absent")}


def recheck(database: Database, stores: Stores, plan: StoredPlan, result_sha256: str, images: int) -> Recheck:
    """Let the model of a run look at some of its images again, in a process of its own, and compare every box.

    Args:
        database: Holds the table `accounted` of the run.
        stores: Of the dataset: images and model are read.
        plan: Of the run that looked at the images.
        result_sha256: Of the result as it was recomputed: decides which images.
        images: How many.

    Raises:
        ShoalError: Images or model cannot be read, or the worker did not get to the end.
    """
    if plan.service is not None:
        return Recheck(
            images, note="no image was looked at again: the model is a service, which nothing starts for that"
        )
    if plan.format_version != FORMAT_VERSION:
        return Recheck(
            images, note=f"no image was looked at again: no worker reads plans of format {plan.format_version}"
        )
    database.set_variable("drawn_by", result_sha256)
    drawn = {row["key"]: row for row in database.records(_DRAWN, [images])}
    if not drawn:
        return Recheck(images, note="no image was looked at again: the run has examined none")
    folder = database.folder / "recheck"
    folder.mkdir()
    _ask(folder, stores, plan, drawn)
    again = {row["key"]: row for row in database.records("FROM read_parquet(?)", [str(folder / ROWS)])}
    return _compare(plan, drawn, again, images)


def _ask(folder: Path, stores: Stores, plan: StoredPlan, drawn: Mapping[str, Mapping[str, Any]]) -> None:
    (folder / PLAN).write_text(json.dumps(dict(plan.json)), encoding="utf-8")
    listed = [{name: row[name] for name in ("key", "object_version", "size_bytes")} for row in drawn.values()]
    (folder / MANIFEST).write_text(json.dumps(listed), encoding="utf-8")
    credentials = {**write_env(stores.source.access, "source"), **write_env(stores.models.access, "models")}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "shoal_worker", COMMAND, str(folder)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=START_S + IMAGE_S * len(drawn),
            check=False,
            cwd=folder,
            env=worker_environment(credentials),
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as err:
        raise StoreError(
            f"Looking at {counted(len(drawn), 'image')} again took more than {err.timeout:.0f} s - ask for fewer, or try again"
        ) from None
    if done.returncode == 0:
        return
    said = one_line((done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1], 500)
    error = StoreError if done.returncode == WorkerExit.INFRASTRUCTURE else ShoalError
    raise error(f"The worker that was to look at {counted(len(drawn), 'image')} again could not: {said}")


def _compare(
    plan: StoredPlan, drawn: Mapping[str, Mapping[str, Any]], again: Mapping[str, Mapping[str, Any]], asked: int
) -> Recheck:
    stored_conf, told, differing, absent = plan.stored_conf, [], 0, 0
    for key, stored in drawn.items():
        if again[key]["status"] in _NOT_THERE:
            absent += 1
        elif difference := tell_difference(stored, again[key], stored_conf):
            differing += 1
            told.append(f"recheck: {shown(key)}: {difference}")
    looked = len(drawn) - absent
    note = f"recheck: {looked - differing} of {counted(looked, 'image')} have the boxes that the model finds now"
    if absent:
        note += f"; {absent} more {agreed(absent, 'are')} not in the bucket as they were listed"
    more = [f"recheck: {differing - TOLD} more images differ"] if differing > TOLD else []
    return Recheck(asked, len(drawn), looked - differing, absent, (*told[:TOLD], *more), note)
