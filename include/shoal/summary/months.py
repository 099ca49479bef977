"""Cut the answer's tables into files by month, each named by its content."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shoal.contract.layout import VariantLayout
from shoal.results.summary_files import SummaryFile
from shoal.stores.shared_files import SharedFiles
from shoal.summary.answer_tables import AnswerTable
from shoal.tables.session import Database, StoredParquet

_ON_ITS_WAY = "FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 100000"


@dataclass(frozen=True)
class Month:
    """One month of one table, on disk.

    Attributes:
        path: Gone when the next month is asked for.
        file: How a summary names it.
    """

    path: Path
    file: SummaryFile


def cut_tables(
    database: Database,
    layout: VariantLayout,
    tables: Sequence[AnswerTable],
    without: Mapping[str, Collection[str]] | None = None,
) -> Iterator[Month]:
    """Write the files of tables one after the other: on disk lie one table and one month of it, never the whole answer.

    Args:
        database: Holds the tables of the summary.
        layout: The variant, whose runs share the files.
        tables: What to write.
        without: Months that are left out, by table; all others are written.
    """
    folder = database.folder / "answer"
    folder.mkdir()
    for table in tables:
        whole = folder / f"{table.name}.parquet"
        for path, month, (rows, sha256) in _cut(database, table, whole, (without or {}).get(table.name, ())):
            key = layout.answer_file(table.name, month, sha256)
            yield Month(path, SummaryFile(table.name, month, key, sha256, path.stat().st_size, rows))
            path.unlink()
        whole.unlink()
    folder.rmdir()


def store_tables(
    database: Database,
    layout: VariantLayout,
    tables: Sequence[AnswerTable],
    shared: SharedFiles,
    known: Mapping[str, Mapping[str, SummaryFile]],
) -> tuple[SummaryFile, ...]:
    """Write the files of tables, upload those that no run has uploaded before, and name those that are known.

    Args:
        database: Holds the tables of the summary.
        layout: The variant, whose runs share the files.
        tables: What to write.
        shared: What lies there.
        known: Files that hold just the lines of their month, see `summary.known_months`.
    """
    files = [file for of_table in known.values() for file in of_table.values()]
    for month in cut_tables(database, layout, tables, known):
        shared.put(month.path, month.file.key)
        files.append(month.file)
    return tuple(files)


def _cut(
    database: Database, table: AnswerTable, whole: Path, without: Collection[str]
) -> Iterator[tuple[Path, str, StoredParquet]]:
    """Bring the lines of a month together first: else each month would read the whole table."""
    left_out = ", ".join(f"'{month}'" for month in sorted(without))
    asked = f"WHERE answer_month NOT IN ({left_out})" if left_out else ""
    database.copy(f"SELECT * FROM ({table.query}) {asked} ORDER BY answer_month", whole, _ON_ITS_WAY)
    database.set_variable("answer_table", [str(whole)])
    stored = "FROM read_parquet(getvariable('answer_table'))"
    path = whole.parent / "month.parquet"
    for (month,) in database.run(f"SELECT DISTINCT answer_month {stored} ORDER BY 1").fetchall():
        query = f"SELECT * EXCLUDE (answer_month) {stored} WHERE answer_month = '{month}' ORDER BY {table.order}"
        yield path, month, database.write_parquet(query, path, table.options)
