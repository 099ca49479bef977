"""Images that another run, still at work on the same variant, has in its manifest: they are left to it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from shoal.contract.layout import VariantLayout
from shoal.contract.units import utc_text
from shoal.results.plan_parts import PlannedBy
from shoal.results.read_plan import read_plan
from shoal.results.stored_plan import StoredPlan
from shoal.stores.object_store import ObjectStore

log = logging.getLogger(__name__)

IsRunning = Callable[[str, str], bool]
"""Tells of a Dag run, by dag_id and run_id, whether it still runs."""

ELSEWHERE_GRACE = timedelta(hours=1)
"""Beyond its time box, for the run of an Airflow that cannot be asked: for its pods to start, another attempt, its summary."""


def find_taken(results: ObjectStore, layout: VariantLayout, own: PlannedBy, is_running: IsRunning) -> list[str]:
    """List the manifests of the variant's other running runs: those without a summary whose Dag run has not ended.

    A run of another Airflow, which cannot be asked, counts as at work as long as its time box may be. One that planned at the
    very same moment is not seen: its images are inferred twice, and counted once.

    Args:
        results: The results bucket.
        layout: The variant.
        own: The run that asks; an earlier plan of its own takes nothing from it.
        is_running: Asks this Airflow.
    """
    written = {found.key: found.last_modified for found in results.list_objects(layout.runs)}
    clock = _Clock(results)
    taken = []
    for run in map(layout.run, layout.runs_with("plan.json", written)):
        if run.manifest in written and run.summary not in written:
            plan = read_plan(results, run.plan)
            if own.installation and plan.dag_run.installation not in {"", own.installation}:
                at_work = _may_be_at_work(plan, written[run.plan], clock, results.uri(run.plan))
            else:
                other = (plan.dag_run.dag_id, plan.dag_run.run_id)
                at_work = other != (own.dag_id, own.run_id) and all(other) and is_running(*other)
            if at_work:
                taken.append(run.manifest)
    return sorted(taken)


@dataclass(frozen=True)
class _Clock:
    """The store's own time, asked for once, where somebody needs it."""

    results: ObjectStore

    @cached_property
    def now(self) -> datetime:
        return self.results.read_clock()


def _may_be_at_work(plan: StoredPlan, planned_at: datetime, clock: _Clock, uri: str) -> bool:
    """Judge a run of another Airflow by its age; both times are the store's."""
    until = planned_at + timedelta(seconds=plan.job.budget_s) + ELSEWHERE_GRACE
    if plan.plan_only or clock.now >= until:
        return False
    log.info(
        "run %s (%s of another Airflow, which is not asked) may be at work: its %d images are left to it until %s - if that "
        "Airflow is gone (its database was made anew, say) and no worker of the run is left, delete %s",
        plan.run_key,
        plan.dag_run.run_id,
        plan.counts.chosen,
        utc_text(until),
        uri,
    )
    return True
