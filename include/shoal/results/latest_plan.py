"""The plan that tells most of a dataset, found in the results bucket alone."""

from shoal.contract.layout import DatasetLayout
from shoal.results.answer import read_current
from shoal.results.stored_plan import StoredPlan, find_plan
from shoal.stores.object_store import ObjectStore


def find_latest_plan(results: ObjectStore, layout: DatasetLayout) -> StoredPlan | None:
    """Find the plan of the dataset's answer; before there is one, the latest plan that shards were cut by.

    Args:
        results: The results bucket.
        layout: The dataset's objects.

    Raises:
        ContractError: What lies there is not what its format promises.
        StoreError: The bucket does not answer.
    """
    current = read_current(results, layout)
    if current is not None:
        variant = layout.variant(current["variant"]["directory"])
        return find_plan(results, variant.run(current["run_key"]).plan)
    found = None
    for folder in results.list_folders(layout.root):
        variant = layout.variant(folder)
        for run_key in variant.runs_with("manifest.parquet", results.list_keys(variant.runs)):
            if found is None or run_key > found[0]:
                found = run_key, variant
    return None if found is None else find_plan(results, found[1].run(found[0]).plan)
