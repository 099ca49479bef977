"""Write the exports of a summary again and compare: what `verify` knows of its files beyond their sha256."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shoal.contract.errors import TooLargeError
from shoal.contract.json_bounds import MIB
from shoal.exports.export import EXPORTS, Answer, find_export
from shoal.exports.table_file import PARQUET_TYPE, SPREADSHEET
from shoal.exports.write import Exported, ExportedFile, failure_of, of_wheels, write_one
from shoal.results.stored_summary import StoredSummary
from shoal.tables.session import Database

OTHERWISE_PACKED = 4
"""So many times as large another release of DuckDB may have written the same rows; a larger file is not read."""

_DIFFERS = """
    SELECT count(*) FROM read_parquet(?) AS stored POSITIONAL JOIN read_parquet(?) AS again
    WHERE stored IS DISTINCT FROM again
"""


@dataclass(frozen=True)
class Compared:
    """What writing again found.

    Attributes:
        answer: What the run found, with the sha256 of the files as they are now.
        deviations: One sentence each.
        notes: Exports of other wheels that could not be written again, one sentence each.
    """

    answer: Answer
    deviations: tuple[str, ...]
    notes: tuple[str, ...]


def compare_exports(database: Database, answer: Answer, summary: StoredSummary) -> Compared:
    """Write again what the same rows always give, and compare it with what a summary names.

    Args:
        database: Holds the tables of the summary, built anew.
        answer: What the run found, computed anew.
        summary: What is stored.
    """
    again, notes = Exported((), answer), []
    for name in EXPORTS:
        again = again.plus(_write(database, again.answer, name), name, {})
    for name in of_wheels(answer.plan.settings.exports):
        if "failed" in summary.exports.get(name, {}):
            continue
        try:
            again = again.plus(_write(database, again.answer, name), name, {})
        except (Exception, SystemExit) as err:  # noqa: BLE001 - see failure_of
            notes.append(f"note: the files of export {name} are compared by sha256 only - {failure_of(err)}")
    return Compared(again.answer, tuple(_differences(database, again.files, summary)), tuple(notes))


def _write(database: Database, answer: Answer, name: str) -> list[ExportedFile]:
    export = find_export(name)
    return write_one(database, answer, export)[0] if export.repeatable else []


def _differences(database: Database, files: tuple[ExportedFile, ...], summary: StoredSummary) -> Iterator[str]:
    for file in files:
        name, stored = file.path.name, summary.named.get(file.path.name)
        if stored is None and name.endswith(SPREADSHEET):
            continue  # an earlier release wrote none; its rows are those of the file that it would lie beside
        if stored is None:
            yield f"G3: the summary names no file {name}, which its rows give"
        # A file that is missing is told of by whoever compares what is stored.
        elif (
            stored.sha256 != file.sha256 and database.results.has(stored.key) and not _same(database, file, stored.key)
        ):
            yield f"G3: file {name} written again from the rows differs from the summary's"


def _same(database: Database, file: ExportedFile, key: str) -> bool:
    return file.content_type == PARQUET_TYPE and same_rows(database, file.path, key)


def same_rows(database: Database, path: Path, key: str) -> bool:
    """Whether a stored Parquet object has the columns and rows of a file: its bytes tell which release of DuckDB wrote it."""
    earlier = path.with_name(f"stored-{path.name}")
    try:
        database.results.download(key, earlier, MIB + OTHERWISE_PACKED * path.stat().st_size)
    except TooLargeError:
        return False
    paths = [str(earlier), str(path)]
    stored, again = ([*database.run("DESCRIBE FROM read_parquet(?)", [one]).fetchall()] for one in paths)
    same = stored == again and not database.value(_DIFFERS, paths)
    earlier.unlink()
    return same
