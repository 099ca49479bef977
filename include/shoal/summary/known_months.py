"""Months of the answer's tables whose lines are those of the dataset's answer: their files are named again, not written again.

Every line and every number is computed from all rows on any night with news; what is left out is to sort, pack and upload a month
whose file would have the same bytes. This is the one place that decides it, and any doubt means that the month is written: see
docs/adr/0026-known-months-are-not-written-again.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from shoal.contract.hashing import canonical_sha256
from shoal.results.stored_plan import StoredPlan
from shoal.results.summary_files import SummaryFile
from shoal.stores.shared_files import SharedFiles
from shoal.summary.answer_tables import AnswerTable
from shoal.summary.same_answer import AnswerInputs, KnownAnswer
from shoal.tables.session import Database

KnownMonths = Mapping[str, Mapping[str, SummaryFile]]
"""Files that are named again, by table and month."""


@dataclass(frozen=True)
class MonthLines:
    """The lines that a month of a table has now.

    Attributes:
        rows: Their number.
        told: Hash of what they follow from: the same one, the same bytes of the file.
    """

    rows: int
    told: str


def hash_rules(inputs: AnswerInputs | None) -> str | None:
    """Hash what decides how images and rows become lines and files: all that an answer depends on, but for images and rows.

    None where that is not known; then nothing is named again. Which run the report compares with decides no line, nor does what
    stands beside the numbers.
    """
    if inputs is None:
        return None
    return canonical_sha256(
        asdict(
            replace(
                inputs, listing=(), ledgers=(), late_origins=(), left_out={}, compared=None, labels=None, numpy=None
            )
        )
    )


def read_lines(
    database: Database, tables: Sequence[AnswerTable], rules: str | None
) -> dict[str, dict[str, MonthLines]] | None:
    """Read what the lines of each month are, by table and month; None where the rules are not known.

    Args:
        database: Holds the tables of the summary.
        tables: Those of the answer.
        rules: See `hash_rules`.
    """
    if rules is None:
        return None
    found: dict[str, dict[str | None, tuple[int, str]]] = {}  # several tables ask the same

    def read(query: str) -> dict[str | None, tuple[int, str]]:
        if query not in found:
            found[query] = {month: (int(rows), str(told)) for month, rows, told in database.run(query).fetchall()}
        return found[query]

    return {
        table.name: _of_table(table, rules, read(table.lines), [read(one) for one in table.beside]) for table in tables
    }


def _of_table(
    table: AnswerTable,
    rules: str,
    own: Mapping[str | None, tuple[int, str]],
    beside: Sequence[Mapping[str | None, tuple[int, str]]],
) -> dict[str, MonthLines]:
    lines = {}
    for month, told in own.items():
        if month is None or told[0] == 0:
            continue
        facts = [rules, table.name, month, told, *(one.get(month, one.get(None)) for one in beside)]
        lines[month] = MonthLines(told[0], canonical_sha256(facts)[:32])
    return lines


def find_known_months(
    lines: Mapping[str, Mapping[str, MonthLines]] | None,
    known: KnownAnswer | None,
    plan: StoredPlan,
    shared: SharedFiles,
) -> KnownMonths:
    """Find the files of the dataset's answer that hold just these lines; a month with any doubt is not among them.

    The answer must be complete, with the result that it says it has, and of another run: one that is summarized again writes all
    of its files again. It must say the same of the month's lines, name a file of it with as many rows, and that file must lie
    there with its size.

    Args:
        lines: What the lines are now; None where that is not known.
        known: The dataset's answer.
        plan: The run's plan.
        shared: What the variant's runs share.
    """
    if lines is None or known is None or known.summary is None or known.run_key == plan.run_key:
        return {}
    summary, said = known.summary, known.summary.run.get("lines")
    whole = summary.complete and summary.by_month and canonical_sha256(summary.result) == summary.result_sha256
    if not whole or not isinstance(said, Mapping):
        return {}
    files = {(file.table, file.month): file for file in summary.tables}
    months: dict[str, dict[str, SummaryFile]] = {}
    for table, of_table in lines.items():
        said_of_table = said.get(table)
        if not isinstance(said_of_table, Mapping):
            continue
        for month, now in of_table.items():
            file = files.get((table, month))
            if said_of_table.get(month) != now.told or file is None or file.rows != now.rows or file.bytes is None:
                continue
            if shared.has(file.key, file.bytes):
                months.setdefault(table, {})[month] = file
    return months


def lines_to_json(lines: Mapping[str, Mapping[str, MonthLines]] | None) -> dict[str, dict[str, str]] | None:
    """Write what a summary says of its lines, for the nights after it."""
    if lines is None:
        return None
    return {
        table: {month: one.told for month, one in sorted(months.items())} for table, months in sorted(lines.items())
    }
