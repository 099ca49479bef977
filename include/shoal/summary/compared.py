"""A run beside the one of another variant that its plan names: for its report, which shows what the change of model changes."""

import logging
from collections.abc import Sequence
from datetime import datetime

import duckdb

from shoal.answers.find import StoredRun
from shoal.answers.where import Where
from shoal.compare.agreement import NothingInCommonError, NotOfOneKindError
from shoal.compare.comparison import Comparison, read_comparison
from shoal.contract.errors import (
    ConfigError,
    ContractError,
    MovedError,
    NoAnswerError,
    NoRoomError,
    StoreError,
    UnreadableError,
    one_line,
)
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import VariantLayout
from shoal.exports.export import Answer, Compared
from shoal.results.compared_with import GONE, find_compared, layout_of
from shoal.results.read_plan import read_plan
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary
from shoal.results.summary_files import SummaryFile
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import open_database

log = logging.getLogger(__name__)

NOT_COMPLETE = "images are left, and what they show is in no number"
NOTHING_IN_COMMON = "the two have no image in common that both use"
NOT_OF_ONE_KIND = (
    "one of the two classifies images as a whole and the other one finds boxes: they count different things"
)
NO_ROOM = (
    "memory or disk of the machine was too small for it; the log says which, and the next night with news tries again"
)
"""A quiet night does not: it would compute all of a known answer anew, with as little of both."""
NOT_NOW = "the results bucket did not give what is stored of that run; the log says why, and the next run tries again"


def compare_answer(
    results: ObjectStore, layout: VariantLayout, answer: Answer, tables: Sequence[SummaryFile]
) -> Compared | None:
    """Compare a run's answer with the one that its plan names; None where it names none.

    It is read in a session of its own, from what both have stored: whatever goes wrong with the other one costs the report a
    section and no more.

    Args:
        results: The results bucket.
        layout: The run's variant.
        answer: What it found.
        tables: The months of its tables, which are stored by now.

    Raises:
        NoAnswerError: The bucket does not answer; another attempt may do.
    """
    plan = answer.plan
    if plan.compared_with is None:
        return None
    other = find_compared(results, plan)
    if isinstance(other, str):
        return Compared(why_not=other)
    model = other.models
    if not answer.complete:
        return Compared(model, why_not=NOT_COMPLETE)
    try:
        return Compared(model, _compare(results, layout, answer, tables, other))
    except NoAnswerError:
        raise
    except (ConfigError, ContractError, StoreError, duckdb.Error) as err:
        log.warning("The report does not compare with run %s: %s", other.run_key, one_line(err))
        return _not_compared(model, err)


def _not_compared(model: str, err: Exception) -> Compared:
    """Tell what is wrong with what is stored of the other run from what is wrong with today."""
    if isinstance(err, NothingInCommonError | NotOfOneKindError):
        return Compared(model, why_not=NOTHING_IN_COMMON if isinstance(err, NothingInCommonError) else NOT_OF_ONE_KIND)
    if isinstance(err, NoRoomError | duckdb.OutOfMemoryException):
        return Compared(model, why_not=NO_ROOM)
    if isinstance(err, ContractError | MovedError | UnreadableError | duckdb.Error):
        return Compared(model, why_not=GONE)
    return Compared(model, why_not=NOT_NOW, only_now=True)


def _compare(
    results: ObjectStore, layout: VariantLayout, answer: Answer, tables: Sequence[SummaryFile], other: StoredSummary
) -> Comparison:
    plan, asked = answer.plan, answer.plan.compared_with
    if asked is None:
        raise AssertionError("the plan names no run to compare with")
    there = layout_of(plan, asked)
    first = StoredRun(there, read_plan(results, there.run(asked.run_key).plan), other)
    second = StoredRun(layout, plan, as_summary(answer, tables))
    # Beside it the session of the run's own tables is open.
    with open_database(results, plan.settings.run, beside=1, images=plan.counts.listed) as database:
        return read_comparison(database, first, second, plan.settings.taxa, _window(plan))


def as_summary(answer: Answer, tables: Sequence[SummaryFile]) -> StoredSummary:
    """Give what is known of a summary before it is written: what its tables are."""
    return StoredSummary.parse(
        {
            "complete": answer.complete,
            "result": answer.result,
            "result_sha256": canonical_sha256(answer.result),
            "run": answer.run,
            "folder": "",
            "files": [file.to_json() for file in tables],
        }
    )


def _window(plan: StoredPlan) -> Where:
    """Ask the other one for no more than the run looked at, where that is a window of capture times."""
    start, end = (
        None if moment is None else datetime.fromisoformat(moment)
        for moment in (plan.scope.window_start, plan.scope.window_end)
    )
    return Where(start=start, end=end)
