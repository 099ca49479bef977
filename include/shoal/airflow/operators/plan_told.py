"""What a plan tells: its log and its run's note, the people in `alerts`, the form's versions, and whoever keeps metrics."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from shoal.airflow.alerts import Message, tell
from shoal.airflow.metrics import are_wanted, measure_no_room, measure_plan, send
from shoal.airflow.model_versions import remember_versions
from shoal.airflow.run_words import tell_plan
from shoal.airflow.xcom_keys import SAID, TELLS
from shoal.contract.errors import ShoalError, shown
from shoal.contract.run_names import is_continuation, may_move_answer
from shoal.plan.document import Plan

if TYPE_CHECKING:
    from shoal.plan.request import PlanRequest
    from shoal.settings.dataset_stores import Stores

log = logging.getLogger(__name__)


def say_plan(instance: Any, stores: "Stores", plan: Plan) -> None:
    """Tell a plan to everybody; the run needs none of them, and whatever goes wrong with one is a line in the log.

    Args:
        instance: The task instance that planned.
        stores: The dataset's buckets.
        plan: The plan, stored by now.
    """
    for line in plan.describe():
        log.info("%s", shown(line))
    if plan.nothing:
        instance.xcom_push(key=SAID, value=plan.nothing)
    instance.xcom_push(key=TELLS, value=shown(tell_plan(plan)))
    others: tuple[Callable[[], None], ...] = (
        partial(_tell_of_silence, plan),
        partial(remember_versions, plan.dataset.name, plan.versions),
        partial(_measure, stores, plan),
    )
    for tell_it in others:
        try:
            tell_it()
        except Exception:
            log.warning("Something was not told of this plan, the run goes on without it", exc_info=True)


def say_no_room(request: "PlanRequest") -> None:
    """Tell whoever keeps metrics that a plan found no room, at each look: what only waits sends nothing else."""
    try:
        if are_wanted():
            send(measure_no_room(request.dataset.name, own=_is_own(request)))
    except Exception:
        log.warning("That there is no room was not told as a metric", exc_info=True)


def _is_own(request: "PlanRequest") -> bool:
    """Whether a run that has no plan yet is one of the dataset's own: one that continues another is where it may be."""
    asked = request.params
    of_file = asked.model_version in {None, request.dataset.model.version} or is_continuation(request.run_id)
    return may_move_answer(request.dag_id) and asked.full_scope and asked.conf is None and of_file


def notice(stores: "Stores", plan: Plan) -> None:
    """Write down a release that the dataset does not use, and tell of it once."""
    from shoal.plan.release_notice import notice_release  # noqa: PLC0415 - see the package's docstring

    lines = notice_release(stores, plan)
    for line in lines:
        log.info("%s", shown(line))
    if len(lines) > 1:
        version = plan.variant.release.version
        tell(plan.dataset, Message("release", "; ".join(lines), what=version), plan.dag_id, plan.run_id)


def _tell_of_silence(plan: Plan) -> None:
    """Tell once a night: not again in the runs that continue it, nor in those somebody tries something with."""
    if not plan.silent or not plan.may_become_current or is_continuation(plan.run_id):
        return
    name, count = plan.dataset.name, len(plan.silent)
    lines = "; ".join(silent.describe(plan.dataset) for silent in plan.silent)
    text = lines if count == 1 else f"{count} cameras are silent: {lines}"
    way_on = f"mend it, or end its deployment in {name}.yaml: python -m shoal check {name}"
    cameras = ", ".join(sorted(silent.camera or "" for silent in plan.silent))
    tell(plan.dataset, Message("silent", text, way_on, what=cameras), plan.dag_id, plan.run_id)


def _measure(stores: "Stores", plan: Plan) -> None:
    """Send what the plan knows to where Airflow sends its metrics."""
    from shoal.results.answer import read_current  # noqa: PLC0415

    if not are_wanted():
        return
    try:
        answer = read_current(stores.results, stores.layout)
    except ShoalError as err:
        log.warning("The age of the answer is not measured: %s", err)
        answer = None
    send(measure_plan(plan, answer, datetime.now(UTC)))
