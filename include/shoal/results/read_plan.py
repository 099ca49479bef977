"""plan.json of the run it lies with: read from the bucket, and refused where it names what is not of that run."""

import re
from dataclasses import replace

from shoal.contract.damaged_objects import DAMAGED_PLAN
from shoal.contract.errors import ContractError, shown
from shoal.contract.layout import FOLDER
from shoal.contract.minted_names import RUN_KEY, is_time
from shoal.contract.stored_names import RunPlace, is_ledger, is_part
from shoal.results.plan_parts import ComparedWith
from shoal.results.run_objects import RunObject
from shoal.results.stored_plan import StoredPlan


def _of_its_place(plan: StoredPlan, place: RunPlace, key: str) -> StoredPlan:
    """Check what a plan names, one by one.

    Raises:
        ContractError: Somebody else wrote it.
    """
    plan, layout = _with_names_of(place.root, plan), place.layout
    strange = [
        *([] if plan.run_key == place.run_key else [plan.run_key]),
        *([] if plan.of_run is None or _is_other_run(plan.of_run, plan.run_key) else [plan.of_run]),
        *([] if plan.variant.directory == place.variant else [plan.variant.directory]),
        *([] if place.is_listing(plan.listing.key) else [plan.listing.key]),
        *([] if plan.compared_with is None else _strange(plan.compared_with)),
        *(named for named in plan.ledgers if not is_ledger(layout, named)),
        *(named for named in plan.parts if not is_part(layout, named)),
    ]
    if strange:
        raise ContractError(
            f"{key} names {shown(strange[0], 200)!r}, which is not of its run or not below {place.root} - {DAMAGED_PLAN}"
        )
    return plan


def _strange(other: ComparedWith) -> list[str]:
    """Name what is no run of a dataset."""
    named = {other.directory: FOLDER, other.run_key: RUN_KEY}
    return [name for name, pattern in named.items() if not re.fullmatch(pattern, name)]


def _is_other_run(of_run: str, run_key: str) -> bool:
    return of_run != run_key and re.fullmatch(RUN_KEY, of_run) is not None and is_time(of_run)


def _with_names_of(root: str, plan: StoredPlan) -> StoredPlan:
    """Name what a plan names by where it lies now: a dataset's folder may have been copied, to another name or prefix."""
    planned_at = plan.root
    if planned_at == root or not plan.listing.key.startswith(f"{planned_at}listings/"):
        return plan

    def here(key: str) -> str:
        return root + key.removeprefix(planned_at) if key.startswith(planned_at) else key

    return replace(
        plan,
        listing=replace(plan.listing, key=here(plan.listing.key)),
        ledgers=tuple(map(here, plan.ledgers)),
        parts=tuple(map(here, plan.parts)),
    )


_PLAN = RunObject("plan", StoredPlan.parse, lambda plan: plan.variant.directory, _of_its_place)

read_plan, find_plan = _PLAN.read, _PLAN.find
"""Read a plan.json by its key: one that must be there, or None where there is none."""
