"""counts-<bin>.parquet and .csv: every series with its effort, one file a width of bins.

Long runs of equal values lie side by side in this order, so that ten years of half hours take a megabyte.
"""

from dataclasses import dataclass
from pathlib import Path

from shoal.exports.export import Answer, Where, Written
from shoal.exports.table_file import CSV, CSV_TYPE, PARQUET, PARQUET_TYPE, TIME, TableFile
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

LOCAL_BINS = ("day", "month")
"""Widths that a person opens in a spreadsheet; ten years of half hours are gigabytes of CSV."""

_SHORT = "camera, deployment, taxon, bin_start, images, images_with, detections, censored_images"
"""Of half hours and hours what nothing else tells; the rest follows from it or from detections.parquet, see docs/formats.md."""

_LONG = (
    "camera, deployment, taxon, aphia_id, bin_start, bin_end, images, camera_days, images_with, detections, "
    "mean_per_image, sd_per_image, maxn, maxn_key, mean_confidence, censored_images"
)

_PACKED = f"{PARQUET}, COMPRESSION_LEVEL 19, PARQUET_VERSION v2, ROW_GROUP_SIZE 491520, DICTIONARY_SIZE_LIMIT 2000"
"""Times of bins take nearly nothing as differences (DELTA_BINARY_PACKED), and no dictionary of them is tried."""


def query_of(bin_name: str, columns: str | None = None) -> str:
    """Write the query of one width of bins, in the order of its file."""
    shown = columns or (_LONG if bin_name in LOCAL_BINS else _SHORT)
    return (
        f"SELECT {shown} FROM counts WHERE bin = '{bin_name}' "
        "ORDER BY counts.series_n, counts.taxon_n, counts.bin_start"
    )


@dataclass(frozen=True)
class FileOfEachBin:
    """One file for each width of bins that the dataset file asks for.

    Attributes:
        widths: Those that have such a file.
        ending: Of its name.
        columns: Its columns, None for those of the width.
        options: How DuckDB writes it.
    """

    name: str
    widths: tuple[str, ...]
    ending: str
    columns: str | None
    options: str
    content_type: str
    needs_complete: bool = True
    repeatable: bool = True

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file."""
        return []

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Stream each width into its file."""
        asked = answer.result["settings"]["report"]["bins"]
        files = [self._file_of(width) for width in self.widths if width in asked]
        return Written(tuple(path for file in files for path in file.write(database, answer, to, where).files))

    def _file_of(self, width: str) -> TableFile:
        return TableFile(
            name=self.name,
            file=f"counts-{width}{self.ending}",
            query=query_of(width, self.columns),
            options=self.options,
            content_type=self.content_type,
            needs_complete=self.needs_complete,
        )


COUNTS = FileOfEachBin("counts", ("30min", "hour", *LOCAL_BINS), ".parquet", None, _PACKED, PARQUET_TYPE)
COUNTS_CSV = FileOfEachBin(
    "counts_csv",
    LOCAL_BINS,
    ".csv",
    _LONG.replace(
        "bin_start, bin_end", f"strftime(bin_start, {TIME}) AS bin_start, strftime(bin_end, {TIME}) AS bin_end"
    ),
    CSV,
    CSV_TYPE,
)
