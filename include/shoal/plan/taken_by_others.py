"""Images that another run, still at work on the same variant, has in its manifest: they are left to it."""

from collections.abc import Callable

from shoal.contract.layout import VariantLayout
from shoal.results.stored_plan import read_plan
from shoal.stores.object_store import ObjectStore

IsRunning = Callable[[str, str], bool]
"""Tells of a Dag run, by dag_id and run_id, whether it still runs."""


def find_taken(results: ObjectStore, layout: VariantLayout, own: tuple[str, str], is_running: IsRunning) -> list[str]:
    """List the manifests of the variant's other running runs: those without a summary whose Dag run has not ended.

    A run that planned at the very same moment is not seen: its images are inferred twice, and counted once.

    Args:
        results: The results bucket.
        layout: The variant.
        own: dag_id and run_id of the run that asks; an earlier plan of its own takes nothing from it.
        is_running: Asks Airflow.
    """
    keys = set(results.list_keys(layout.runs))
    taken = []
    for run in map(layout.run, layout.runs_with("plan.json", keys)):
        if run.manifest in keys and run.summary not in keys:
            planned_by = read_plan(results, run.plan).dag_run
            other = (planned_by.dag_id, planned_by.run_id)
            if other != own and all(other) and is_running(*other):
                taken.append(run.manifest)
    return sorted(taken)
