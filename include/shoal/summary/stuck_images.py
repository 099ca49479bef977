"""Images that get no row run after run while others do: named, so that they do not freeze the dataset's answer for ever."""

from shoal.contract.layout import VariantLayout
from shoal.contract.rows import MANIFEST_COLUMNS
from shoal.contract.shown_keys import quoted_key
from shoal.results.stored_summary import Unreadable
from shoal.summary.balance import Balance
from shoal.tables.session import Database

RUNS = 3
"""Without a row in so many runs of their variant, one after the other."""

SHOWN = 20


def find_unreadable(database: Database, layout: VariantLayout, run_key: str, balance: Balance) -> Unreadable:
    """Find the run's unsettled images that the two runs before it had in their manifests too.

    Nothing is said when they are not the exception: when this run settled nothing and they are more than a hundredth of what
    is examined, something else is wrong.

    Args:
        database: Holds the table `accounted` of the run.
        layout: The variant.
        run_key: The run.
        balance: Its first balance.

    Returns:
        How many, and the first twenty.
    """
    if balance.fates["unsettled"] == 0:
        return Unreadable()
    earlier = _earlier_manifests(database, layout, run_key)
    if len(earlier) < RUNS - 1:
        return Unreadable()
    stuck = "accounted"
    for number, manifest in enumerate(earlier):
        database.view_parquet(f"earlier_{number}", [manifest], MANIFEST_COLUMNS)
        stuck += f" SEMI JOIN earlier_{number} USING (key, object_version)"
    images = int(database.value(f"SELECT count(*) FROM {stuck} WHERE fate = 'unsettled'"))
    if balance.settled == 0 and images * 100 > balance.examined:
        return Unreadable()
    keys = database.run(f"SELECT key FROM {stuck} WHERE fate = 'unsettled' ORDER BY key LIMIT {SHOWN}").fetchall()
    return Unreadable(images, tuple(key for (key,) in keys))


def describe_unreadable(found: Unreadable) -> list[str]:
    """Say what to write into the dataset file; nothing where every image gets its row in the end."""
    if not found.images:
        return []
    count = f"{found.images} images got no row in {RUNS} runs"
    advice = f"{count} - if they cannot be read, leave them out by source.ignore in the dataset file:"
    return [advice, *(f"  - {quoted_key(key)}" for key in found.first_keys)]


def _earlier_manifests(database: Database, layout: VariantLayout, run_key: str) -> list[str]:
    """List the manifests of the last summarized runs before this one that had any."""
    keys = set(database.results.list_keys(layout.runs))
    runs = [run for run in layout.runs_with("summary.json", keys) if run < run_key]
    manifests = [layout.run(run).manifest for run in reversed(runs)]
    return [manifest for manifest in manifests if manifest in keys][: RUNS - 1]
