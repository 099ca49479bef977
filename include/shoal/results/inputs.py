"""What a run is computed from, and whether it is still there."""

from collections.abc import Sequence

from shoal.contract.errors import ContractError
from shoal.contract.run_layout import RunLayout
from shoal.results.stored_plan import StoredPlan
from shoal.stores.object_store import ObjectStore
from shoal.tables.frozen_listing import find_files, find_missing

SHOWN = 3
"""Objects that a message names."""


def need_inputs(results: ObjectStore, plan: StoredPlan, run: RunLayout) -> None:
    """Check that what a run is computed from is still there.

    Raises:
        ContractError: Its listing or its manifest is not.
    """
    files = find_files(results, plan.listing.key)
    missing = {"listing": find_missing(results, files) if files else [plan.listing.key]}
    missing["manifest"] = [run.manifest] if plan.shards and not results.has(run.manifest) else []
    gone = {name: _name_some(keys) for name, keys in missing.items() if keys}
    if gone:
        raise ContractError(
            f"Run {plan.run_key} cannot be computed again: its {' and '.join(gone)} {'is' if len(gone) == 1 else 'are'} not in "
            "the bucket - python -m shoal gc deletes them after retention.keep; a summary.json stays, and so do all rows; gone: "
            f"{', '.join(gone.values())}"
        )


def _name_some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more
