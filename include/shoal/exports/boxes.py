"""Images with their boxes, streamed in key order: what formats of annotations are written from."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from shoal.answers.where import Where
from shoal.contract.errors import ConfigError
from shoal.contract.outlines import Point, corners_of
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.tasks.segment import SEGMENT
from shoal.exports.export import Answer
from shoal.exports.shown_people import view_people
from shoal.tables.session import Database

HELD = ("used", "undated")
"""Uses of images that such formats hold: each picture once, and none that is in no number for what it shows."""

_NOT_HELD = {
    "duplicate": "images that are duplicates of others",
    "unusable": "images that are unusable",
    "failed": "images that failed",
}

_LINES = """
    SELECT pictures.*, position, taxon, confidence, x1, y1, x2, y2, area_px, CASE WHEN area_px IS NOT NULL THEN mask END,
        keypoints, angle, first_class_name, reclassified.confidence
    FROM (
        SELECT key, object_version, use, reason, width, height, captured_at FROM held_pictures
        WHERE list_contains(getvariable('held'), use)
    ) AS pictures
    LEFT JOIN (SELECT * FROM detections WHERE role = 'count') AS boxes USING (key, object_version)
    ORDER BY key, position
"""


_OF_PEOPLE = """
    WITH left_out AS (
        SELECT key, object_version FROM images
        WHERE list_contains(getvariable('held'), use) AND (key, object_version) IN (FROM people)
    )
    SELECT (SELECT count(*)::BIGINT FROM left_out),
        (SELECT count(*)::BIGINT FROM person_boxes SEMI JOIN left_out USING (key, object_version))
"""
"""An image of people without their boxes would look like one of nobody, and be learnt from as such."""
_OTHERS = """
    SELECT key, object_version FROM stored_detections WHERE role = 'count'
    EXCEPT SELECT key, object_version FROM detections WHERE role = 'count'
"""
"""Images that show something, and nothing of what is asked for: without their boxes they would say that nothing is there."""


VISIBLE = 0.5
"""From this score on a key point is taken for visible, as formats know yes and no only."""


class KeyPoint(NamedTuple):
    """One key point, px, and the model's score that it is to be seen; None where the model gives none."""

    x: float | None
    y: float | None
    score: float | None

    @property
    def flag(self) -> int:
        """As COCO has it: 2 visible, 1 not visible, 0 not there."""
        if self.x is None or self.y is None:
            return 0
        return 2 if self.score is None or self.score >= VISIBLE else 1

    @property
    def place(self) -> Point:
        """Where it is; (0, 0) where it is not there, as COCO has it."""
        return (0.0, 0.0) if self.x is None or self.y is None else (self.x, self.y)


class Box(NamedTuple):
    """One box that counts, in pixels.

    Attributes:
        taxon: What it shows.
        confidence: Its score.
        x1: Left edge; of a turned one that of the upright box around it.
        y1: Top edge, likewise.
        x2: Right edge, likewise.
        y2: Bottom edge, likewise.
        area_px: Of its mask; None without one.
        mask: COCO RLE; None without one, as where it is none of an image of that size, for which it has no area.
        keypoints: x, y and visibility of each, of a turned box its corners; None without any.
        angle: By which it is turned, radians; None for an upright one.
        first: What the first of two models in a row calls it; None where there is one.
        then_confidence: The second one's score for what it is called; None where that says nothing of it.
    """

    taxon: str
    confidence: float
    x1: float
    y1: float
    x2: float
    y2: float
    area_px: float | None
    mask: str | None
    keypoints: list[float | None] | None
    angle: float | None
    first: str | None = None
    then_confidence: float | None = None

    @property
    def then_score(self) -> float | None:
        """The second model's score, to six digits."""
        return None if self.then_confidence is None else round(self.then_confidence, 6)

    @property
    def corners(self) -> list[Point]:
        """Its corners, going round: its own where it is turned."""
        upright = [(self.x1, self.y1), (self.x2, self.y1), (self.x2, self.y2), (self.x1, self.y2)]
        return upright if self.angle is None else corners_of(self.keypoints) or upright

    @property
    def xywh(self) -> tuple[float, float, float, float]:
        """Left, top, width and height, px, to a hundredth."""
        return round(self.x1, 2), round(self.y1, 2), round(self.x2 - self.x1, 2), round(self.y2 - self.y1, 2)

    @property
    def area(self) -> float:
        """Of its mask, else its own, px, to a hundredth."""
        if self.area_px is not None:
            return round(self.area_px, 2)
        if self.angle is not None:
            after = zip(self.corners, self.corners[1:] + self.corners[:1], strict=True)
            return round(abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in after)) / 2, 2)
        *_, width, height = self.xywh
        return round(width * height, 2)

    @property
    def score(self) -> float:
        """Its score, to six digits: a stored one has no more."""
        return round(self.confidence, 6)

    @property
    def points(self) -> list[KeyPoint]:
        """Its key points; those of a turned box are its corners."""
        values = (self.keypoints if self.angle is None else None) or []
        return [KeyPoint(*values[n : n + 3]) for n in range(0, len(values) - 2, 3)]


class Picture(NamedTuple):
    """One image and its boxes, in their order."""

    key: str
    use: str
    reason: str | None
    width: int | None
    height: int | None
    captured_at: datetime | None
    boxes: list[Box]


class NeedsBoxesError(ConfigError):
    """A format holds boxes, and the answer is a classifier's: so it is on any night."""


def need_boxes(export: str, answer: Answer, instead: str) -> None:
    """Refuse the answer of a classifier: without its classes each image would say that nothing is there.

    Args:
        export: What is asked for.
        answer: What it is made of.
        instead: What holds such answers.

    Raises:
        NeedsBoxesError: It has no boxes.
    """
    if answer.plan.task == CLASSIFY.name:
        raise NeedsBoxesError(
            f"Export {export} holds boxes, and {answer.plan.model} classifies images as a whole - {instead} holds such answers"
        )


def view_pictures(database: Database, where: Where) -> None:
    """Make the view `held_pictures`, which `stream_pictures` reads.

    Images of people are not in it; nor, where taxa are asked for, those that show others only.

    Args:
        database: Holds the views of an answer, and `people`.
        where: What is asked for.
    """
    others = f"AND (key, object_version) NOT IN ({_OTHERS})" if where.taxa else ""
    database.run(
        "CREATE OR REPLACE VIEW held_pictures AS "
        f"SELECT * FROM images WHERE (key, object_version) NOT IN (FROM people) {others}"
    )


def count_others(database: Database) -> dict[str, int]:
    """Count the images that show other taxa than those asked for only; `view_pictures` was called."""
    counted = "SELECT count(*) FROM {} WHERE use IN ('used', 'undated')"
    all_held = int(database.value(counted.format("images") + " AND (key, object_version) NOT IN (FROM people)"))
    others = all_held - int(database.value(counted.format("held_pictures")))
    return {"images that show other taxa only": others} if others else {}


_SHAPES = """
    SELECT count(area_px), count(keypoints) FILTER (angle IS NULL), count(angle) FROM detections
    WHERE role = 'count' AND use IN ('used', 'undated') AND (key, object_version) NOT IN (FROM people)
"""


def count_key_points(database: Database) -> dict[str, int]:
    """Count the key points' boxes, of which a format leaves the points out; `people` is there."""
    _, points, _ = database.run(_SHAPES).fetchone() or (0, 0, 0)
    return {"boxes' key points": points}


def count_shapes(database: Database) -> dict[str, int]:
    """Count what a format of upright boxes leaves out of boxes, whether it holds these or not; `people` is there."""
    masks, _, angles = database.run(_SHAPES).fetchone() or (0, 0, 0)
    return {
        "boxes' masks": masks,
        **count_key_points(database),
        "boxes' angles (for upright boxes around them)": angles,
    }


_WITHOUT_MASK = """
    SELECT count(*) FROM detections
    WHERE role = 'count' AND use IN ('used', 'undated') AND (key, object_version) NOT IN (FROM people) AND area_px IS NULL
"""


def count_without_mask(database: Database, answer: Answer) -> int:
    """Count a segmenter's boxes that have no mask, or one that is none of an image of that size; `people` is there."""
    return int(database.value(_WITHOUT_MASK)) if answer.plan.task == SEGMENT.name else 0


_POINTS = "SELECT max(len(keypoints)) // 3 FROM stored_detections WHERE angle IS NULL"


def key_points_of(database: Database, answer: Answer) -> int:
    """Say how many key points the model gives each box: the same in each part of an answer.

    Where the plan does not say it, as before that was kept, it is what the boxes at hand have.
    """
    planned = answer.plan.key_points
    return int(database.value(_POINTS) or 0) if planned is None else planned


def stream_pictures(database: Database, *more: str) -> Iterator[Picture]:
    """Read the images of `held_pictures` that are held, the empty ones too; nothing else may be asked of the session meanwhile.

    Args:
        database: Holds the views of an answer.
        more: Further uses, such as `failed`.
    """
    database.set_variable("held", [*HELD, *more])
    for _, lines in groupby(database.stream(_LINES), lambda line: line[0]):
        first = next(lines)
        key, _, use, reason, width, height, captured_at = first[:7]
        boxes = [Box(*line[8:]) for line in (first, *lines) if line[7] is not None]
        yield Picture(key, use, reason, width, height, captured_at, boxes)


def categories_of(answer: Answer) -> dict[str, int]:
    """Number the taxa of an answer, from 1: the same in each part of it."""
    return {taxon: number for number, taxon in enumerate(sorted(one["taxon"] for one in answer.result["species"]), 1)}


def count_not_held(database: Database, answer: Answer, *held: str) -> dict[str, int]:
    """Count what is left out, by why.

    Args:
        database: Holds the views of an answer.
        answer: It.
        held: Uses that are held beside `HELD`.

    Raises:
        ConfigError: The answer does not tell which images show people.
    """
    view_people(database, answer)
    uses = dict(database.run("SELECT use, count(*)::BIGINT FROM images GROUP BY 1").fetchall())
    database.set_variable("held", [*HELD, *held])
    images, boxes = database.run(_OF_PEOPLE).fetchone() or (0, 0)
    left_out = {words: uses.get(use, 0) for use, words in _NOT_HELD.items() if use not in held}
    return {**left_out, "images of people": images, "boxes of people": boxes}
