"""An export that is one query: a file in the query's order."""

from dataclasses import dataclass
from pathlib import Path

from shoal.exports.export import Answer, Where, Written
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

TIME = "'%Y-%m-%dT%H:%M:%SZ'"
"""How CSV files write a time, for strftime."""

CSV = "FORMAT csv, HEADER"
PARQUET = "FORMAT parquet, COMPRESSION zstd"
CSV_TYPE = "text/csv"
PARQUET_TYPE = "application/vnd.apache.parquet"


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
        return Written((path,))
