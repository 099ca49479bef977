"""`current.json`: which run is the dataset's answer, and the rule that moves it."""

from collections.abc import Mapping
from typing import Any

from shoal.contract.layout import FORMAT_VERSION, DatasetLayout
from shoal.contract.units import utc_text
from shoal.results.stored_plan import StoredPlan
from shoal.stores.object_store import ObjectStore
from shoal.tables.frozen_listing import FrozenAt


def read_current(results: ObjectStore, layout: DatasetLayout) -> dict[str, Any] | None:
    """Read the dataset's answer; None before its first complete run."""
    return results.find_json(layout.current)


def move_current(
    results: ObjectStore, layout: DatasetLayout, plan: StoredPlan, *, complete: bool, result_sha256: str
) -> str | None:
    """Make a run the dataset's answer where the rule allows it.

    The rule: planned by reanalyse_<dataset>, complete, of full scope, with the dataset file's own settings and selected
    model, on a listing not older than the one the answer names. So a run with another conf or model never changes a
    published series.

    Args:
        results: The results bucket.
        layout: The dataset's objects.
        plan: The run's plan.
        complete: Whether its summary is.
        result_sha256: What its result hashes to.

    Returns:
        None when it is the answer now, else the reason why not.
    """
    reason = _why_not(plan, read_current(results, layout), complete=complete)
    if reason is None:
        results.write_json(
            layout.current,
            {
                "format_version": FORMAT_VERSION,
                "dataset": plan.dataset,
                **plan.copied("run_key", "variant", "model"),
                "listing": plan.listing.key,
                "listed_at": utc_text(plan.listing.frozen_at.listed_at),
                "result_sha256": result_sha256,
            },
        )
    return reason


def _why_not(plan: StoredPlan, current: Mapping[str, Any] | None, *, complete: bool) -> str | None:
    if not complete:
        return "the run is not complete"
    if not plan.may_become_current:
        return "only a reanalyse_ run over the whole dataset with the file's own settings becomes the dataset's answer"
    if current is None:
        return None
    # Runs that share a listing are ordered by their names.
    mine, answers = plan.listing.frozen_at, FrozenAt.of_answer(current)
    if (answers.listed_at, current["run_key"]) > (mine.listed_at, plan.run_key):
        return f"run {current['run_key']} on a later listing is the answer already"
    return None
