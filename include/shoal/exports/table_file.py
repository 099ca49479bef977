"""An export that is one query: a file in the query's order, and of CSV one for spreadsheets where that is another.

A spreadsheet takes a cell that begins with = + - or @ for a formula, and runs it. Names come from whoever may write an image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from shoal.answers.where import Where
from shoal.exports.export import Answer, Written
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

TIME = "'%Y-%m-%dT%H:%M:%SZ'"
"""How CSV files write a time, for strftime."""

CSV = "FORMAT csv, HEADER"
PARQUET = "FORMAT parquet, COMPRESSION zstd"
CSV_TYPE = "text/csv"
PARQUET_TYPE = "application/vnd.apache.parquet"


SPREADSHEET = ".spreadsheet.csv"
"""Ends the name of what is written beside a CSV file that holds such cells."""

_BEGINS = "[=+@\uff1d\uff0b\uff0d\uff20-]"
FORMULA = rf"^\s*{_BEGINS}|^[\t\r\n]"
"""Cells that a spreadsheet takes for formulas, the wide forms of Japanese keyboards among them (OWASP, CSV Injection)."""

_SPLIT = rf"[;\t|]\s*{_BEGINS}"
"""What one takes for them that parts cells by other signs than a comma; the quotes of the spreadsheet file keep it together."""


@dataclass(frozen=True)
class TableFile:
    """A query's rows in one file.

    Attributes:
        file: Name of the file.
        query: Ordered, so that the same answer is the same bytes.
        options: How DuckDB writes them.
    """

    name: str
    file: str
    query: str
    options: str
    content_type: str
    needs_complete: bool
    repeatable: bool = True

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file."""
        return []

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:  # noqa: ARG002 - the door's
        """Stream the query into its file."""
        path = to / self.file
        database.copy(self.query, path, self.options)
        for_spreadsheets = without_formulas(database, self.query) if self.options == CSV else None
        if for_spreadsheets is None:
            return Written((path,))
        beside = path.with_suffix(SPREADSHEET)
        database.copy(for_spreadsheets.query, beside, for_spreadsheets.options)
        return Written((path, beside))


class ForSpreadsheets(NamedTuple):
    """A query whose cells no spreadsheet runs, and how it is written."""

    query: str
    options: str


def without_formulas(database: Database, query: str) -> ForSpreadsheets | None:
    """Change the cells of a query that a spreadsheet would take for formulas; None where there are none."""
    texts = _text_columns(database, query)
    if not texts or not _holds_formulas(database, query, texts):
        return None
    as_text = ", ".join(
        f"CASE WHEN regexp_matches({name}, '{FORMULA}') THEN chr(39) || {name} ELSE {name} END AS {name}"
        for name in texts
    )
    return ForSpreadsheets(f"SELECT * REPLACE ({as_text}) FROM ({query})", f"{CSV}, FORCE_QUOTE ({', '.join(texts)})")


def _text_columns(database: Database, query: str) -> list[str]:
    """Name a query's columns of text, quoted: an export of somebody else's may call one `order`."""
    return [
        '"' + name.replace('"', '""') + '"'
        for name, kind, *_ in database.run(f"DESCRIBE {query}").fetchall()
        if kind == "VARCHAR"
    ]


def _holds_formulas(database: Database, query: str, texts: Sequence[str]) -> bool:
    found = " OR ".join(f"regexp_matches({name}, '{FORMULA}|{_SPLIT}')" for name in texts)
    return bool(database.value(f"SELECT count(*) FROM ({query}) WHERE {found}"))
