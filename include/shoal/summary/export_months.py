"""Months of exports that a dataset file asks for, made of the months of tables that were just stored; runs share them."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

from shoal.answers.columns import TABLES
from shoal.answers.views import AROUND, view_tables
from shoal.answers.where import Where
from shoal.contract.errors import one_line
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import NO_MONTH, VariantLayout
from shoal.exports.boxes import NeedsBoxesError
from shoal.exports.export import BY_MONTH, Answer, MonthlyExport, find_afterwards, is_of_days
from shoal.exports.table_file import PARQUET_TYPE
from shoal.exports.write import failure_of
from shoal.exports.write_again import same_rows
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary
from shoal.results.summary_files import SummaryFile
from shoal.stores.shared_files import SharedFiles
from shoal.summary.known_months import KnownMonths
from shoal.summary.same_answer import KnownAnswer
from shoal.tables.session import Database, open_database

log = logging.getLogger(__name__)

IMAGES = "images"
"""The table."""

_TYPES = {".csv": "text/csv", ".json": "application/json", ".parquet": PARQUET_TYPE}


@dataclass(frozen=True)
class ExportedMonths:
    """What was exported.

    Attributes:
        files: As a summary names them.
        told: Of each export with something to tell: why it failed or is refused, or how many of what it could not hold.
    """

    files: tuple[SummaryFile, ...] = ()
    told: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def store_export_months(  # noqa: PLR0917 - what is made of what
    layout: VariantLayout,
    answer: Answer,
    tables: Sequence[SummaryFile],
    shared: SharedFiles,
    known: KnownAnswer | None,
    known_months: KnownMonths,
) -> ExportedMonths:
    """Write and upload the months of each export; those whose tables are all known by their files are named again.

    One that fails costs its own files: it is named in the log and in what is told, and the answer stands.

    Args:
        layout: The variant, whose runs share the files.
        answer: What the run found.
        tables: The months of its tables, which are stored.
        shared: What lies there.
        known: The dataset's answer before.
        known_months: Months of tables that are named again, see `summary.known_months`.
    """
    asked = [name for name in dict.fromkeys(answer.plan.settings.exports) if name in BY_MONTH]
    if not asked or not answer.complete:
        return ExportedMonths()
    files: list[SummaryFile] = []
    told: dict[str, Mapping[str, Any]] = {}
    images = answer.plan.counts.listed
    with open_database(
        shared.results, answer.plan.settings.run, beside=1, images=images
    ) as database:  # the run's own is open
        for name in asked:
            try:
                export = _find(name)
                again = _find_known(export, answer, tables, shared, known, known_months)
                of_export: list[SummaryFile] = []
                for month in sorted({str(file.month) for file in tables}):
                    of_export += again.get(month) or _store_month(
                        database, layout, answer, export, tables, month, shared
                    )
                _view(database, tables, [file for file in tables if file.table == IMAGES])
                not_held = {what: count for what, count in export.not_held(database, answer).items() if count}
            except (
                NeedsBoxesError
            ) as err:  # nothing failed: the next night is told the same, and computes nothing for it
                told[name] = {"refused": one_line(err)}
                log.warning("%s", err)
                continue
            except Exception as err:
                told[name] = {"failed": failure_of(err)}
                log.warning("Export %s failed, the run's answer stands without it", name, exc_info=True)
                continue
            files += of_export
            if not_held:
                told[name] = {"not_held": not_held}
    return ExportedMonths(tuple(files), told)


def compare_export_months(database: Database, plan: StoredPlan, summary: StoredSummary) -> Iterator[str]:
    """Write the months of exports again, of the stored tables, and say in one sentence each which are not what those give.

    Args:
        database: A session on the results bucket; its views of tables are replaced.
        plan: The run's plan.
        summary: What is stored.
    """
    asked = [name for name in dict.fromkeys(plan.settings.exports) if name in BY_MONTH]
    named = {file.name: file for file in summary.export_months}
    answer = Answer(plan, summary.complete, summary.result, summary.run)
    for name in asked if summary.complete else ():
        if not {"failed", "refused"}.isdisjoint(summary.exports.get(name, {})):
            continue
        for month in sorted({str(file.month) for file in summary.tables}):
            for path, _ in _write_month(database, answer, _find(name), summary.tables, month):
                stored = named.pop(path.name, None)
                if stored is None:
                    yield f"G3: the summary names no file {path.name}, which its tables give"
                elif database.results.has(stored.key) and not _same(database, path, stored):
                    yield f"G3: file {path.name} written again from the tables differs from the summary's"
                path.unlink()
    for file in named.values():
        yield f"G3: the summary names {file.name}, which its tables do not give"


def _same(database: Database, path: Path, stored: SummaryFile) -> bool:
    return _hash(path) == stored.sha256 or (path.suffix == ".parquet" and same_rows(database, path, stored.key))


def _find(name: str) -> MonthlyExport:
    return cast("MonthlyExport", find_afterwards(name, {}))


def _find_known(  # noqa: PLR0917 - what depends on what
    export: MonthlyExport,
    answer: Answer,
    tables: Sequence[SummaryFile],
    shared: SharedFiles,
    known: KnownAnswer | None,
    known_months: KnownMonths,
) -> dict[str, list[SummaryFile]]:
    """Find the months of an export that the dataset's answer names and that depend on nothing that is new.

    The files of all tables of such a month are named again, which is so only where settings, release and lines are the same.
    """
    name = export.name
    if known is None or known.summary is None or "failed" in known.summary.exports.get(name, {}):
        return {}
    now, before = _tables_by_month(tables), _tables_by_month(known.summary.tables)
    reaches = is_of_days(export) and any(stay.not_working for stay in answer.plan.settings.deployments)
    same = {
        month
        for month, of_month in now.items()
        if of_month == before.get(month)
        and all(month in known_months.get(table, {}) for table in of_month)
        and not (reaches and _has_news(_month_after(month), now, before, known_months))
    }
    found: dict[str, list[SummaryFile]] = {}
    for file in known.summary.export_months:
        if file.table == name and file.month in same:
            found.setdefault(str(file.month), []).append(file)
    return {month: files for month, files in found.items() if all(shared.has(file.key, file.bytes) for file in files)}


def _has_news(
    month: str, now: Mapping[str, set[str]], before: Mapping[str, set[str]], known_months: KnownMonths
) -> bool:
    """Whether a month's images are not those of the answer before: the last day of the month before may reach into it."""
    is_there = IMAGES in now.get(month, ())
    return is_there != (IMAGES in before.get(month, ())) or (is_there and month not in known_months.get(IMAGES, {}))


def _month_after(month: str) -> str:
    if month == NO_MONTH:  # also what is older than the months that have names
        return "1990-01"
    following = (date.fromisoformat(f"{month}-01") + timedelta(days=31)).strftime("%Y-%m")
    return NO_MONTH if following > "2099-12" else following


def _view(database: Database, files: Sequence[SummaryFile], around: Sequence[SummaryFile]) -> None:
    """Make tables readable, and as `around_images` the images of all bins of days that lie in them."""
    view_tables(database, files)
    database.view_parquet(f"{AROUND}images", [file.key for file in around], TABLES["images"])


def _tables_by_month(files: Sequence[SummaryFile]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in files:
        found.setdefault(str(file.month), set()).add(file.table)
    return found


def _store_month(  # noqa: PLR0917 - what is made of what
    database: Database,
    layout: VariantLayout,
    answer: Answer,
    export: MonthlyExport,
    tables: Sequence[SummaryFile],
    month: str,
    shared: SharedFiles,
) -> list[SummaryFile]:
    written = list(_write_month(database, answer, export, tables, month))
    hashes = {path.name: _hash(path) for path, _ in written}
    folder = layout.export_month(export.name, canonical_sha256(hashes))
    files = []
    for path, rows in written:
        key = folder + path.name
        shared.put(path, key, _TYPES.get(path.suffix, export.content_type))
        files.append(SummaryFile(export.name, month, key, hashes[path.name], path.stat().st_size, rows))
        path.unlink()
    return files


def _write_month(
    database: Database, answer: Answer, export: MonthlyExport, tables: Sequence[SummaryFile], month: str
) -> list[tuple[Path, int | None]]:
    """Write a month into the session's folder; each file has the month in its name, and its number of rows beside it."""
    within = {month, _month_after(month)}
    _view(
        database,
        [file for file in tables if file.month == month],
        [file for file in tables if file.table == IMAGES and file.month in within],
    )
    folder = database.folder / "months" / f"{export.name}-{month}"
    folder.mkdir(parents=True, exist_ok=True)
    written = export.write(database, answer, folder, Where())
    named = []
    for path in sorted(written.files):
        stem, dot, ending = path.name.partition(".")
        named.append((path.rename(path.with_name(f"{stem}-{month}{dot}{ending}")), written.rows.get(path.name)))
    return named


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
