"""What a run is computed from, and whether it is still there."""

from shoal.contract.errors import ContractError
from shoal.contract.layout import RunLayout
from shoal.results.stored_plan import StoredPlan
from shoal.stores.object_store import ObjectStore
from shoal.tables.frozen_listing import find_files


def need_inputs(results: ObjectStore, plan: StoredPlan, run: RunLayout) -> None:
    """Check that what a run is computed from is still there.

    Raises:
        ContractError: Its listing or its manifest is not.
    """
    files = find_files(results, plan.listing.key) or [plan.listing.key]
    inputs = {"listing": files, **({"manifest": [run.manifest]} if plan.shards else {})}
    missing = {name: [key for key in keys if not results.has(key)] for name, keys in inputs.items()}
    gone = {name: ", ".join(keys) for name, keys in missing.items() if keys}
    if gone:
        raise ContractError(
            f"Run {plan.run_key} cannot be computed again: its {' and '.join(gone)} {'is' if len(gone) == 1 else 'are'} not in "
            "the bucket - python -m shoal gc deletes them after retention.keep; a summary.json stays, and so do all rows; gone: "
            f"{', '.join(gone.values())}"
        )
