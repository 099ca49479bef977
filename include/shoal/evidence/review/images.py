"""The images of a review as a page shows them: which they are, and what the model says of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from shoal.evidence.permanent import number_of
from shoal.evidence.review.design import Review
from shoal.evidence.stored import DRAWN
from shoal.pictures.drawing import Drawing
from shoal.tables.session import Database

Edges = tuple[float, float, float, float]

_IMAGES = """
    SELECT number, drawn.key, drawn.content_sha256, probability, frame.object_version, frame.size_bytes, counted.width,
        counted.height, confidence, x1, y1, x2, y2
    FROM drawn_of_review AS drawn LEFT JOIN (FROM images WHERE use = 'used') AS counted USING (key, content_sha256)
    LEFT JOIN frame USING (key, content_sha256)
    LEFT JOIN (FROM detections WHERE role = 'count' AND taxon = ?) AS boxes
        ON boxes.key = counted.key AND boxes.object_version = counted.object_version
    ORDER BY number, position
"""


@dataclass(frozen=True)
class ReviewImage:
    """One image that was drawn.

    Attributes:
        number: Its place in the order of labelling, from 1.
        key: It.
        content_sha256: Of the bytes that the run looked at.
        probability: Of being drawn.
        u: Its number: it was drawn as that is below its probability.
        predicted: Individuals of the taxon that the model says.
        boxes: Where they are, in shares of the image's sides, and their scores; without those said of the image as a whole.
        drawing: What its picture is made of; None where it may not be shown any more.
    """

    number: int
    key: str
    content_sha256: str
    probability: float
    u: float
    predicted: int
    boxes: tuple[tuple[Edges, float], ...] = ()
    drawing: Drawing | None = None


def read_images(database: Database, review: Review) -> list[ReviewImage]:
    """Read the images of a stored design, in the order of labelling.

    What the model says is the answer's own, whom ever the dataset file of today calls a person; that decides who is shown.

    Args:
        database: Holds the views of `frame.view_frame`.
        review: The design.
    """
    database.view_parquet("drawn_of_review", [review.drawn_key], DRAWN)
    rows = database.run(_IMAGES, [review.published.taxon]).fetchall()
    found = []
    for (number, key, sha256, probability, version, size), lines in groupby(rows, lambda row: row[:6]):
        of_image = list(lines)
        seen = [row for row in of_image if row[8] is not None]
        found.append(
            ReviewImage(
                number,
                key,
                sha256,
                probability,
                number_of(review.json["salt"], key, sha256),
                len(seen),
                tuple((_shares(row), float(row[8])) for row in seen if row[9] is not None and row[6] and row[7]),
                None if version is None else Drawing(key, version, size, content_sha256=sha256),
            )
        )
    return found


def _shares(row: Sequence[float]) -> Edges:
    width, height = row[6], row[7]
    return row[9] / width, row[10] / height, row[11] / width, row[12] / height
