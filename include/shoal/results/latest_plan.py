"""The plan that tells most of a dataset, found in the results bucket alone."""

from shoal.contract.layout import DatasetLayout
from shoal.contract.run_names import CHECK_DAG_ID
from shoal.results.answer import read_current
from shoal.results.read_plan import find_plan
from shoal.results.stored_plan import StoredPlan
from shoal.stores.object_store import ObjectStore


def find_latest_plan(results: ObjectStore, layout: DatasetLayout) -> StoredPlan | None:
    """Find the plan of the dataset's answer; before there is one, that of the latest run that was to infer.

    A sample of `check` is none, nor is a run that was to plan only: they were no work on the dataset.

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
    runs = [
        (run_key, variant)
        for variant in layout.variants(results.list_folders(layout.root))
        for run_key in variant.runs_with("manifest.parquet", results.list_keys(variant.runs))
    ]
    for run_key, variant in sorted(runs, key=lambda run: run[0], reverse=True):
        plan = find_plan(results, variant.run(run_key).plan)
        if plan is not None and not plan.plan_only and plan.dag_run.dag_id != CHECK_DAG_ID:
            return plan
    return None
