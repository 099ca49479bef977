"""The frame by camera and day: for parts of it, and for how much days differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.tables.session import Database

_IMAGES = "SELECT camera, captured_at::DATE AS day, count(*) FROM judged GROUP BY ALL ORDER BY ALL"

_SEEN = """
    SELECT judged.camera, judged.captured_at::DATE AS day, taxon, count(*), count(DISTINCT key)
    FROM detections JOIN judged USING (key, object_version) WHERE role = 'count' GROUP BY ALL
"""


@dataclass(frozen=True)
class FrameDays:
    """What the model predicts for all images that could have been drawn, one place for each camera and day in every array.

    Attributes:
        camera: Name of the camera, '' without one.
        day: UTC, `datetime64[D]`.
        images: How many there are.
        predicted: By taxon, the sum of individuals over them.
        predicted_in: By taxon, how many of them have at least one.
    """

    camera: NDArray[np.str_]
    day: NDArray[np.datetime64]
    images: NDArray[np.int64]
    predicted: Mapping[str, NDArray[np.int64]]
    predicted_in: Mapping[str, NDArray[np.int64]]

    def only(self, which: NDArray[np.bool_]) -> "FrameDays":
        """Take some of the days."""
        return FrameDays(
            self.camera[which],
            self.day[which],
            self.images[which],
            {taxon: counts[which] for taxon, counts in self.predicted.items()},
            {taxon: counts[which] for taxon, counts in self.predicted_in.items()},
        )


def read_frame_days(database: Database, taxa: Sequence[str]) -> FrameDays:
    """Count what the model predicts, by camera and day.

    Reads: judged, detections

    Args:
        database: As `read_sampled` left it.
        taxa: Those that are asked for.
    """
    rows = database.run(_IMAGES).fetchall()
    places = {(camera, day): place for place, (camera, day, _) in enumerate(rows)}
    sums = {taxon: (np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)) for taxon in taxa}
    for camera, day, taxon, individuals, images in database.run(_SEEN).fetchall():
        if taxon in sums:
            boxes, with_any = sums[taxon]
            boxes[places[camera, day]], with_any[places[camera, day]] = individuals, images
    return FrameDays(
        np.array([row[0] or "" for row in rows], np.str_),
        np.array([row[1] for row in rows], "datetime64[D]"),
        np.array([row[2] for row in rows], np.int64),
        {taxon: boxes for taxon, (boxes, _) in sums.items()},
        {taxon: with_any for taxon, (_, with_any) in sums.items()},
    )
