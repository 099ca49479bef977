"""What a run's rows must hold of what its model is for, and what is made of that before anything is counted."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import duckdb
from duckdb.func import FunctionNullHandling

from shoal.contract.errors import ContractError
from shoal.contract.mask_runs import area_of
from shoal.contract.tasks import TASKS
from shoal.contract.tasks.obb import OBB
from shoal.contract.tasks.segment import SEGMENT
from shoal.contract.tasks.task import Task
from shoal.results.stored_plan import StoredPlan
from shoal.tables.session import Database

_PARALLEL = ("masks", "keypoints", "angles")
"""Columns of a row with an entry for each of its boxes."""

_PROCESSED = "accounted WHERE fate IN ('reused', 'processed') AND status = 'processed'"


def task_of(plan: StoredPlan) -> Task:
    """Find what a run's model is for.

    Raises:
        ContractError: A later release planned it.
    """
    if plan.task not in TASKS:
        raise ContractError(f"plan.json of run {plan.run_key} is of task {plan.task!r:.60} - upgrade Shoal")
    return TASKS[plan.task]


def need_columns(database: Database, plan: StoredPlan, task: Task) -> None:
    """Check that the rows hold what the task gives: a box without its mask, or an image without scores, would be a wrong zero.

    Reads: accounted

    Raises:
        ContractError: They do not.
    """
    wrong = {
        "boxes": "detections IS NULL" if "detections" in task.columns else "false",
        **{name: f"len({name}) IS DISTINCT FROM len(detections)" for name in _PARALLEL if name in task.columns},
        "class_scores": (
            f"len(class_scores) IS DISTINCT FROM {len(plan.names)} OR list_contains(list_transform(class_scores, "
            "lambda score: score < 0 OR score > 1.001), true)"
            if "class_scores" in task.columns
            else "false"
        ),
    }
    if task.name == OBB.name:  # corners: x, y and a third value of each, any of which may be unknown
        wrong["keypoints"] += (
            " OR list_contains(list_transform(keypoints, lambda one: len(one) IS DISTINCT FROM 12), true)"
        )
    for name, condition in wrong.items():
        _need_no_row(database, condition, f"no {name} as a model for task {task.name} gives them")
    if "detections" in task.columns:
        # A box of a class that only the second model has would count as that one's, and one of no class not at all.
        classes = len(plan.names) if plan.then is None else plan.then.first_classes
        _need_no_row(
            database, _unknown("detections", classes), f"a box of none of the {classes} classes of {plan.model}"
        )
    if plan.then is not None:
        names, second = len(plan.then.names), plan.then.model
        said = f"no reclassified as {second}, the second model, gives them: one for each box, of its {names} names"
        unlike = "len(reclassified) IS DISTINCT FROM len(detections)"
        _need_no_row(database, f"{unlike} OR {_unknown('reclassified', names)}", said)


def _unknown(column: str, classes: int) -> str:
    """Write that an entry of a list is of no class; one without a number is what the row says of it, and joins nothing."""
    outside = f"one.class_id < 0 OR one.class_id >= {classes}"
    return f"list_contains(list_transform({column}, lambda one: {outside}), true)"


def _need_no_row(database: Database, condition: str, what: str) -> None:
    first = None if condition == "false" else database.value(f"SELECT min(key) FROM {_PROCESSED} AND ({condition})")
    if first is not None:
        raise ContractError(
            f"The row of {first!r:.200} has {what} - its rows are not of this release; start a run with a new model version"
        )


def build_beside(database: Database, task: Task) -> None:
    """Make what follows from rows alone: of a segmenter the area of each mask, once, whatever the thresholds.

    Reads: accounted
    Makes: mask_areas, of a segmenter
    """
    if task.name != SEGMENT.name:
        return
    with suppress(duckdb.InvalidInputException):  # of another run in this session
        database.connection.remove_function("mask_area")
    area: Callable[..., Any] = area_of  # the stub knows no function that may give NULL
    kinds: list[Any] = ["VARCHAR", "INTEGER", "INTEGER"]
    may_be_null = FunctionNullHandling.SPECIAL
    database.connection.create_function("mask_area", area, kinds, "BIGINT", null_handling=may_be_null)
    database.run_file("tasks/segment/areas")
