"""long.csv and long.parquet: one line for each camera, day and taxon, with effort and zeros, as statistics want it.

Where labels correct the answer's counts, corrected.csv has these: no line of a day can, for nobody labelled enough of one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from shoal.answers.views import cut_bins
from shoal.answers.where import Where
from shoal.exports.corrected import COLUMNS, corrected_not_held, corrected_rows, has_corrected
from shoal.exports.export import Answer, Written
from shoal.exports.rests import find_rests
from shoal.exports.shown_people import leave_people_out
from shoal.exports.table_file import CSV, CSV_TYPE, FORMULA, PARQUET, SPREADSHEET, TIME, without_formulas
from shoal.exports.whole_file import copy_whole, text_of, write_row, write_whole
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

_FORMULA = re.compile(FORMULA)

_COLUMNS = """
    {start} AS timestamp, {end} AS timestamp_end, camera, deployment, taxon, aphia_id, detections AS count, images, camera_days,
    images_with, maxn, mean_per_image
"""

_UNDATED = "SELECT count(*) FROM images WHERE use = 'undated'"

_HELD = (
    "counts_day ANTI JOIN rests USING (camera, deployment, bin_start) "
    "WHERE NOT list_contains(getvariable('counted_people'), taxon)"
)
_LINES = f"SELECT {{columns}} FROM {_HELD} ORDER BY counts_day.bin_start, camera, deployment NULLS FIRST, taxon"


@dataclass(frozen=True)
class Long:
    """The series of days, a line for each number: `count` is of detections, `images` and `camera_days` the effort."""

    name: ClassVar[str] = "long"
    content_type: ClassVar[str] = CSV_TYPE
    needs_complete: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True

    of_days: ClassVar[bool] = True
    holds_estimates: ClassVar[bool] = True

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file but days."""
        return []

    def not_held(self, database: Database, answer: Answer) -> dict[str, int]:
        """Count images that are in no series, and what has no line: days without work, and taxa that people were counted as.

        Makes what `_HELD` asks: the table `rests` and the variable `counted_people`.
        """
        of_people = leave_people_out(database, answer, "day")
        rests = find_rests(database, answer, "day")
        return {"images without a capture time": int(database.value(_UNDATED)), **rests, **of_people}

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Stream the series into both files, and a third for spreadsheets where a name would be a formula there."""
        left_out = self.not_held(database, answer)
        text, table = to / "long.csv", to / "long.parquet"
        of_text = [f"strftime({moment}, {TIME})" for moment in ("bin_start", "bin_end")]
        copy_whole(database, _query(*of_text), text, CSV)
        copy_whole(database, _query("bin_start", "bin_end"), table, PARQUET)
        files = [text, table]
        if for_spreadsheets := without_formulas(database, _query(*of_text)):
            files.append(text.with_suffix(SPREADSHEET))
            copy_whole(database, for_spreadsheets.query, files[-1], for_spreadsheets.options)
        lines = int(database.value(f"SELECT count(*) FROM {_HELD}"))
        rows = {path.name: lines for path in files}
        if has_corrected(answer, where):
            corrected = list(corrected_rows(answer))
            files.append(write_whole(to / "corrected.csv", lambda part: _write_corrected(part, corrected)))
            rows["corrected.csv"] = len(corrected)
        cut = {"days of a camera that --where cuts in two": cut_bins(database, where, "day")}
        not_held = {**left_out, **cut, **corrected_not_held(answer, where)}
        return Written(tuple(files), not_held, rows)


def _query(start: str, end: str) -> str:
    return _LINES.format(columns=_COLUMNS.format(start=start, end=end))


def _write_corrected(part: Path, rows: Sequence[Sequence[Any]]) -> None:
    with text_of(part) as file:
        write_row(file, COLUMNS)
        for row in rows:
            # An apostrophe keeps a spreadsheet from running a name; whoever joins by names has them in long.csv as they are.
            name = f"'{row[0]}" if _FORMULA.search(row[0]) else row[0]
            write_row(file, [name, *row[1:]])


LONG = Long()
