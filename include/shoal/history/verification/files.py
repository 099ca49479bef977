"""Whether every object that a run names is there, with the bytes that it had."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from shoal.contract.hashing import canonical_sha256
from shoal.contract.run_layout import RunLayout
from shoal.exports.export import BY_MONTH
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary
from shoal.stores.object_store import ObjectStore
from shoal.summary.export_months import compare_export_months
from shoal.tables.frozen_listing import read_files
from shoal.tables.session import open_database


def check_listing(results: ObjectStore, plan: StoredPlan) -> Iterator[str]:
    """G1: what was listed is what lies there."""
    for file in read_files(results, plan.listing.key):
        if file.sha256 is not None and hash_object(results, file.key) != file.sha256:
            yield (
                f"G1: listing file {file.key} has another sha256 than the listing says - restore an older version of it, or "
                "delete it and start a run: it is written again if its month is as it was"
            )


def hash_object(results: ObjectStore, key: str) -> str:
    """Hash an object piece by piece."""
    digest = hashlib.sha256()
    for piece in results.stream(key)[1]:
        digest.update(piece)
    return digest.hexdigest()


def check_files(
    results: ObjectStore, run: RunLayout, summary: StoredSummary, result: Mapping[str, Any]
) -> Iterator[str]:
    """G3: every file the summary names is there, whole, and the numbers are those of the rows."""
    for file in summary.files:
        if not results.has(file.key):
            yield f"G3: file {file.name} of the summary of run {summary.run_key} is missing: there is no object {file.key}"
        elif hash_object(results, file.key) != file.sha256:
            yield (
                f"G3: file {file.name} has another sha256 than the summary says - delete {file.key}, then clear summarize or "
                "start a run: it is written again"
            )
    if canonical_sha256(summary.result) != summary.result_sha256:
        yield f"G3: the result in {run.summary} does not have the sha256 beside it"
    for field in sorted({*result, *summary.result}):
        if result.get(field) != summary.result.get(field):
            yield f"result: {field} recomputed from the rows differs from the summary's"


def check_export_months(results: ObjectStore, plan: StoredPlan, summary: StoredSummary) -> Iterator[str]:
    """G3: months of exports are what the stored tables give, in a session whose views are those of the answer."""
    if summary.export_months or set(plan.settings.exports) & set(BY_MONTH):
        with open_database(results, plan.settings.run) as database:
            yield from compare_export_months(database, plan, summary)
