"""With which run the report of another one compares it: the dataset's answer of the model version before, as it then was."""

import logging

from shoal.contract.errors import ContractError, one_line
from shoal.contract.layout import DatasetLayout, VariantLayout
from shoal.results.answer import read_current
from shoal.results.plan_parts import ComparedWith
from shoal.results.read_plan import find_plan
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary, find_summary
from shoal.stores.object_store import ObjectStore

log = logging.getLogger(__name__)

GONE = "what is stored of that run cannot be read any more"
INCOMPLETE = "that run is not complete any more, and what it left is in no number of it"
OLDER = (
    "an earlier release of Shoal summarized that run, without tables - clear its task summarize, then that of this run"
)


def choose_compared_with(
    results: ObjectStore, layout: DatasetLayout, directory: str, *, may_become_current: bool
) -> ComparedWith | None:
    """Choose it while a run is planned: from then on it stands in the plan.

    Where the answer is of another variant, it is the answer. Where it is of this one, a run that may become the answer takes over
    what the answer was compared with, so that nights in which nothing happens have one report, and the change of model stays in
    it. Other runs, such as trials with another conf, are compared with nothing.

    Args:
        results: The results bucket.
        layout: The dataset's objects.
        directory: Folder of the run's variant.
        may_become_current: Whether the run may become the answer.
    """
    try:
        current = read_current(results, layout)
        if current is None:
            return None
        answer = ComparedWith(current["run_key"], current["variant"]["directory"])
        if answer.directory != directory:
            return answer
        plan = find_plan(results, layout.variant(directory).run(answer.run_key).plan) if may_become_current else None
        before = None if plan is None else plan.compared_with
        if before is None or not results.has(layout.variant(before.directory).run(before.run_key).summary):
            return None
    except ContractError as err:
        # What somebody broke is no reason against a run.
        log.warning("What the run's report could compare it with is not known: %s", one_line(err))
        return None
    else:
        return before


def layout_of(plan: StoredPlan, other: ComparedWith) -> VariantLayout:
    """Say where that run lies: in the same dataset."""
    return VariantLayout(f"{plan.root}{other.directory}/")


def find_compared(results: ObjectStore, plan: StoredPlan) -> StoredSummary | str:
    """Read the summary of the run that a plan names for comparison; why there is none, in words, empty where it names none."""
    other = plan.compared_with
    if other is None:
        return ""
    try:
        found = find_summary(results, layout_of(plan, other).run(other.run_key).summary)
    except ContractError as err:
        log.warning("Run %s cannot be compared with: %s", other.run_key, one_line(err))
        return GONE
    if found is None:
        return GONE
    if not found.complete:
        return INCOMPLETE
    return found if found.by_month else OLDER
