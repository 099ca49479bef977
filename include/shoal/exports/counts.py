"""counts-day.csv and counts-month.csv: every series with its effort, one file a width of bins.

All widths are tables of the answer, in the same order; ten years of half hours would be gigabytes of CSV.
"""

from dataclasses import dataclass
from pathlib import Path

from shoal.answers.where import Where
from shoal.exports.export import Answer, Written
from shoal.exports.table_file import CSV, CSV_TYPE, TIME, TableFile
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

LOCAL_BINS = ("day", "month")
"""Widths that a person opens in a spreadsheet."""

SHORT_COLUMNS = "camera, deployment, taxon, bin_start, images, images_with, detections, censored_images"
"""Of half hours and hours what nothing else tells; the rest follows from it or from the detections, see docs/formats.md."""

LONG_COLUMNS = (
    "camera, deployment, taxon, aphia_id, bin_start, bin_end, images, camera_days, images_with, detections, "
    "mean_per_image, sd_per_image, maxn, maxn_key, mean_confidence, censored_images"
)

_AS_TEXT = LONG_COLUMNS.replace(
    "bin_start, bin_end", f"strftime(bin_start, {TIME}) AS bin_start, strftime(bin_end, {TIME}) AS bin_end"
)


def csv_of(width: str) -> TableFile:
    """Describe the file of one width of bins."""
    return TableFile(
        name="counts",
        file=f"counts-{width}.csv",
        query=(
            f"SELECT {_AS_TEXT} FROM counts WHERE bin = '{width}' "
            "ORDER BY counts.series_n, counts.taxon_n, counts.bin_start"
        ),
        options=CSV,
        content_type=CSV_TYPE,
        needs_complete=True,
    )


@dataclass(frozen=True)
class CountsOfDays:
    """One file for each of these widths that the dataset file asks for."""

    name: str = "counts"
    content_type: str = CSV_TYPE
    needs_complete: bool = True
    repeatable: bool = True

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file."""
        return []

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Stream each width into its file."""
        asked = answer.result["settings"]["report"]["bins"]
        files = [csv_of(width) for width in LOCAL_BINS if width in asked]
        return Written(tuple(path for file in files for path in file.write(database, answer, to, where).files))


COUNTS = CountsOfDays()
