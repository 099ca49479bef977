"""Write the tables of an answer again and compare: what `verify` knows of its files by month beyond their sha256."""

import hashlib
from collections.abc import Iterator

from shoal.contract.layout import VariantLayout
from shoal.exports.explore import read_explore, write_explore
from shoal.exports.write_again import same_rows
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary
from shoal.results.summary_files import EXPLORE_FILE, SummaryFile
from shoal.summary.answer_tables import answer_tables
from shoal.summary.months import Month, cut_tables
from shoal.tables.session import Database


def compare_tables(
    database: Database, layout: VariantLayout, plan: StoredPlan, summary: StoredSummary
) -> Iterator[str]:
    """Say in one sentence each where the months of an answer's tables are not what its rows give.

    Args:
        database: Holds the tables of the summary, built anew.
        layout: The variant.
        plan: The run's plan.
        summary: What is stored.
    """
    named = {(file.table, file.month): file for file in summary.tables}
    if summary.complete:
        for month in cut_tables(database, layout, answer_tables(plan)):
            yield from _compare(database, month, named.pop((month.file.table, month.file.month), None))
        stored = summary.named.get(EXPLORE_FILE)  # summaries of earlier releases have none
        explore = write_explore(read_explore(database, plan, summary.result))
        if stored is not None and stored.sha256 != hashlib.sha256(explore).hexdigest():
            yield f"G3: file {EXPLORE_FILE} written again from the rows differs from the summary's"
    for file in named.values():
        yield f"G3: the summary names {file.name}, which its rows do not give"


def _compare(database: Database, month: Month, stored: SummaryFile | None) -> Iterator[str]:
    name = month.file.name
    if stored is None:
        yield f"G3: the summary names no file {name}, which its rows give"
        return
    if stored.rows != month.file.rows:
        yield f"G3: the summary says that {name} has {stored.rows} rows, its rows give {month.file.rows}"
    # A file that is missing is told of by whoever compares what is stored.
    differs = stored.sha256 != month.file.sha256 and database.results.has(stored.key)
    if differs and not same_rows(database, month.path, stored.key):
        yield f"G3: file {name} written again from the rows differs from the summary's"
