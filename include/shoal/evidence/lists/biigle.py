"""BIIGLE: a table of file names and times for a volume, and one of labels for a label tree.

https://biigle.de/manual/tutorials/volumes/file-metadata, https://biigle.de/manual/tutorials/label-trees
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from shoal.evidence.lists import Handed
from shoal.evidence.taxon_names import NOTHING_HERE

_COLOURS = ("0099ff", "ff9900", "33cc33", "cc3399", "ffcc00", "9966ff", "00cccc", "ff5050")


class Biigle:
    """Its volumes take no boxes of others, so people label blind there."""

    folder: ClassVar[str] = "images"
    shows_boxes: ClassVar[bool] = False
    how: ClassVar[str] = (
        "make a volume of images/ with biigle.csv as its metadata; give empty images the whole-image label nothing; take the CSV "
        "reports of image annotations and of image labels back"
    )

    def write(self, handed: Handed, to: Path, mark: str) -> Sequence[Path]:
        """Write both tables."""
        volume, tree = to / f"biigle{mark}.csv", to / "biigle-labels.csv"
        with volume.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(["filename", "taken_at"])
            for image in handed.images:
                lines.writerow([image.name, f"{image.captured_at:%Y-%m-%d %H:%M:%S}" if image.captured_at else ""])
        with tree.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(["id", "name", "parent_id", "color", "label_source_id", "source_id"])
            for number, name in enumerate([*handed.taxa, NOTHING_HERE], 1):
                lines.writerow([number, name, "", _COLOURS[number % len(_COLOURS)], "", ""])
        return [volume, tree]


BIIGLE = Biigle()
