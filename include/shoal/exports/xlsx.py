"""A workbook: a sheet for each width of bins, its bins down, taxa across, the effort beside; or CSV as Excel opens it in Europe.

A spreadsheet runs a text that begins with =, + or @. Here every text is written as text: in the workbook by its type, in CSV
behind an apostrophe. What is in no sheet follows from what is: a bin without effort has no row, so that nobody reads a zero.
"""

import csv
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count, groupby, islice
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from shoal.answers.views import cut_bins
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError, shown
from shoal.contract.tasks.classify import CLASSIFY
from shoal.exports.archive import zip_files
from shoal.exports.corrected import COLUMNS as CORRECTED
from shoal.exports.corrected import corrected_not_held, corrected_rows, has_corrected
from shoal.exports.equal_effort import COLUMNS, GROUP_IMAGES, equal_effort, has_maxn
from shoal.exports.export import Answer, Written
from shoal.exports.rests import find_rests
from shoal.exports.shown_people import leave_people_out
from shoal.exports.table_file import FORMULA
from shoal.exports.whole_file import write_whole
from shoal.pictures.people import counted_as_people
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

MOST_ROWS = 1_048_576
"""Of a sheet, for Excel; what is more goes on in a further sheet."""

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_FORMULA = re.compile(FORMULA)
_TIMES = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")

Row = list[Any]


@dataclass(frozen=True)
class Workbook:
    """counts.xlsx, or with `--csv excel` a CSV file for each width.

    Attributes:
        csv: None for the workbook; `excel`: `;`, decimal comma and a byte order mark.
    """

    name: ClassVar[str] = "xlsx"
    content_type: ClassVar[str] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    needs_complete: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    holds_estimates: ClassVar[bool] = True
    csv: str | None = None

    def __post_init__(self) -> None:
        """Refuse another kind of CSV.

        Raises:
            ConfigError: It is none that we write.
        """
        if self.csv not in {None, "excel"}:
            raise ConfigError(f"--csv {shown(self.csv, 100)} not understood - write --csv excel, or leave it out")

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file."""
        return []

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Stream each width into its sheet or file."""
        not_held = _not_held(database, answer, where)
        if self.csv is None:
            path = write_whole(to / "counts.xlsx", lambda part: _write_workbook(database, answer, where, part))
            return Written((path,), not_held)
        files = []
        for name, rows in _asides(answer, where):
            path = to / f"{name.replace(' ', '-')}.csv"
            files.append(write_whole(path, lambda part, rows=rows: _write_excel(part, rows)))  # type: ignore[misc]
        for width in answer.plan.settings.report.bins:
            table = Sheet(database, answer, where, width)
            files.append(write_whole(to / f"counts-{width}.csv", table.write_csv))
        return Written(tuple(files), not_held)


@dataclass(frozen=True)
class Sheet:
    """The counts of one width of bins, as rows."""

    database: Database
    answer: Answer
    where: Where
    width: str

    @property
    def taxa(self) -> list[str]:
        """The taxa across."""
        of_people = counted_as_people(self.answer.result, self.answer.described.taxa)
        known = sorted({one["taxon"] for one in self.answer.result["species"]} - of_people)
        return [taxon for taxon in known if not self.where.taxa or taxon in self.where.taxa]

    @property
    def header(self) -> Row:
        """The first row."""
        zone = self.answer.plan.settings.report.zone if self._is_local else "UTC"
        return [f"{self.width} ({zone})", "camera", "deployment", "images", "camera_days", *self.taxa]

    @property
    def _is_local(self) -> bool:
        return self.width in {"day", "month"}

    def rows(self) -> Iterator[Row]:
        """Give a row for each camera, deployment and bin: effort, then the detections of each taxon."""
        find_rests(self.database, self.answer, self.width)
        begin = "bin_start"
        if self._is_local:
            begin = "((bin_start AT TIME ZONE 'UTC') AT TIME ZONE getvariable('report_zone'))::DATE"
        days = "camera_days" if self._is_local else "NULL"
        query = (
            f"SELECT {begin} AS begin, camera, deployment, images, {days}, taxon, detections FROM counts_{self.width} "
            "ANTI JOIN rests USING (camera, deployment, bin_start) "
            "ORDER BY camera, deployment NULLS FIRST, bin_start, taxon"
        )
        taxa = self.taxa
        for place, cells in groupby(self.database.stream(query), itemgetter(0, 1, 2, 3, 4)):
            seen = {taxon: detections for *_, taxon, detections in cells}
            yield [*place, *(seen.get(taxon) for taxon in taxa)]

    def write_csv(self, path: Path) -> None:
        """Write it as Excel opens it."""
        _write_excel(path, chain([self.header], self.rows()))


def _asides(answer: Answer, where: Where) -> Iterator[tuple[str, Iterator[Row]]]:
    """Give the sheets that are of no width of bins."""
    if has_corrected(answer, where):
        yield "corrected", chain([list(CORRECTED)], corrected_rows(answer))
    if has_maxn(answer):
        yield "equal effort", _comparable(answer, where)


def _comparable(answer: Answer, where: Where) -> Iterator[Row]:
    """Give the rows of MaxN of equal effort, the header first."""
    yield ["camera", "deployment", "taxon", *COLUMNS]
    for one in equal_effort(answer, where)[0]:
        yield [one.camera, one.deployment, one.taxon, *one.numbers]


def _write_excel(path: Path, rows: Iterable[Row]) -> None:
    """Write CSV as Excel opens it where numbers have a decimal comma."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        for row in rows:
            writer.writerow([_as_csv(value) for value in row])


def _as_csv(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".").replace(".", ",")
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.search(value) else value
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return value


def _write_workbook(database: Database, answer: Answer, where: Where, path: Path) -> None:
    import openpyxl  # noqa: PLC0415 - half a second that no other export needs

    with TemporaryDirectory(dir=database.folder) as scratch:
        folder = Path(scratch)
        with _temporary_files_in(folder):
            _write_book(openpyxl.Workbook(write_only=True), database, answer, where, folder / "made.xlsx")
            files = _parts_of(folder / "made.xlsx", folder)
        zip_files(path, files)


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Let openpyxl, which asks nobody where its rows wait, leave them in the session's folder: it goes with it.

    Raises:
        OSError: Of that folder, by its name: a disk that is full is not the one of the export.
    """
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    except OSError as err:
        raise OSError(err.errno, err.strerror, str(err.filename or folder)) from err
    finally:
        tempfile.tempdir = before


def _write_book(book: Any, database: Database, answer: Answer, where: Where, path: Path) -> None:
    book.properties.creator = "Shoal"
    about = book.create_sheet("about")
    for line in _about(answer):
        _append(about, line)
    for width in answer.plan.settings.report.bins:
        _fill(book, Sheet(database, answer, where, width))
    for name, rows in _asides(answer, where):
        aside = book.create_sheet(name)
        aside.freeze_panes = "A2"
        for row in rows:
            _append(aside, row)
    book.save(path)


def _fill(book: Any, table: Sheet) -> None:
    rows = table.rows()
    for number in count(1):
        first = next(rows, None)
        if first is None and number > 1:
            return
        sheet = book.create_sheet(table.width if number == 1 else f"{table.width} {number}")
        sheet.freeze_panes = "A2"
        _append(sheet, table.header)
        for row in chain([] if first is None else [first], islice(rows, MOST_ROWS - 2)):
            _append(sheet, row)


def _append(sheet: Any, row: Sequence[Any]) -> None:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - as above

    cells = list(row)
    for place, value in enumerate(cells):
        if isinstance(value, str):
            cells[place] = WriteOnlyCell(sheet, _NO_XML.sub("\ufffd", value))
            cells[place].data_type = "s"  # it took "=…" for a formula
    sheet.append(cells)


def _about(answer: Answer) -> Iterator[Sequence[Any]]:
    yield "dataset", str(answer.result["dataset"])
    yield "model", answer.plan.models
    yield from (
        (f"{name} of {model}", cited[name])
        for model, cited in (
            ("the model", answer.plan.cited),
            ("the second model", answer.plan.then.cited if answer.plan.then else {}),
        )
        for name in ("citation", "licence")
        if name in cited
    )
    yield "images", "effort: used images in the bin"
    yield "camera_days", "effort of a camera that something releases: days at work in the bin"
    if answer.plan.task == CLASSIFY.name:
        yield (
            "below a taxon",
            "images that the model takes for it, each for one taxon at most; it counts nothing in them",
        )
    else:
        yield (
            "below a taxon",
            "detections in these images; detections are not individuals, and must not be summed over cameras",
        )
    yield (
        "corrected",
        "where labels correct the whole answer: raw and corrected, and the 95 % intervals of these images and of this place",
    )
    yield "no row", "nobody looked: the camera was not at work, or is not there"
    if not has_maxn(answer):
        return
    yield (
        "equal effort",
        f"MaxN grows with effort: its mean over groups of {GROUP_IMAGES} images, or over events, can be compared",
    )


def _parts_of(made: Path, scratch: Path) -> list[tuple[str, Path]]:
    """Take a workbook apart, without what tells when it was written."""
    files = []
    with zipfile.ZipFile(made) as archive:
        for number, entry in enumerate(sorted(archive.infolist(), key=lambda entry: entry.filename)):
            file = scratch / str(number)
            if entry.filename == "docProps/core.xml":
                file.write_bytes(_TIMES.sub(rb"\g<1>2000-01-01T00:00:00Z", archive.read(entry)))
            else:
                with archive.open(entry) as source, file.open("wb") as target:
                    while block := source.read(1 << 20):
                        target.write(block)
            files.append((entry.filename, file))
    files.sort(key=lambda file: file[0] != "[Content_Types].xml")  # it comes first, as readers expect
    return files


def _not_held(database: Database, answer: Answer, where: Where) -> dict[str, int]:
    counted = {
        "images without a capture time": database.value("SELECT count(*) FROM images WHERE use = 'undated'"),
        **{
            f"bins of {width} that the time asked for cuts": cut_bins(database, where, width)
            for width in answer.plan.settings.report.bins
        },
        **{
            what: bins
            for width in answer.plan.settings.report.bins
            for what, bins in find_rests(database, answer, width).items()
        },
        **leave_people_out(database, answer, answer.plan.settings.report.bins[0]),
        **(equal_effort(answer, where)[1] if has_maxn(answer) else {}),
        **corrected_not_held(answer, where),
    }
    return {what: int(count) for what, count in counted.items() if count}


WORKBOOK = Workbook()
