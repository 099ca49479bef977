"""The images on which two answers differ most, with both sets of boxes: never one that shows people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shoal.answers.find import StoredRun
from shoal.answers.views import STORED, view_tables
from shoal.answers.where import Where
from shoal.contract.errors import shown
from shoal.pictures.drawing import Box, Drawing, Style
from shoal.pictures.people import people_of, with_people
from shoal.settings.analysis import Taxon
from shoal.tables.session import Database

MOST_PICTURES = 12
MOST_BOXES = 60
"""Boxes drawn on one image, those that only one of the two counts first."""

COLOURS = ("#0072b2", "#d55e00")
"""Of the first and of the second: Okabe and Ito's blue and vermilion, which people with any colour blindness tell apart."""

_OF = "of_"
"""Begins the names of the views of each of the two."""

_DIFFERED = f"""
    SELECT differing.*, of_images.size_bytes, of_images.content_sha256, of_images.width, of_images.height, common.camera,
        common.captured_at
    FROM differing_images AS differing
    JOIN {_OF}first_images AS of_images USING (key, object_version)
    JOIN common_images AS common USING (key)
    ANTI JOIN compared_people USING (key, object_version)
    ORDER BY lost + gained DESC, key LIMIT {MOST_PICTURES}
"""

_SHAPES = f"""
    SELECT 1 AS side, key, position, mask, keypoints FROM {_OF}first_detections WHERE key IN ({{keys}})
    UNION ALL SELECT 2 AS side, key, position, mask, keypoints FROM {_OF}second_detections WHERE key IN ({{keys}})
"""
"""What is drawn besides edges, of the images that are shown alone: it is most of what a table of boxes holds."""

_BOXES = f"""
    SELECT boxes.key, side, boxes.taxon, class_id, confidence, x1, y1, x2, y2, mask, keypoints, angle,
        same.key IS NOT NULL AS is_kept
    FROM compared_boxes AS boxes
    LEFT JOIN ({_SHAPES}) AS shapes USING (side, key, position)
    LEFT JOIN same_boxes AS same ON same.key = boxes.key AND same.taxon = boxes.taxon
        AND boxes.position = if(side = 1, same.first_position, same.second_position)
    WHERE is_counted AND list_contains(getvariable('compared_taxa'), boxes.taxon)
        AND list_contains(getvariable('compared_keys'), boxes.key)
    ORDER BY boxes.key, is_kept, confidence DESC, side, position
"""


@dataclass(frozen=True)
class Differed:
    """An image on which the two differ much, and how it is drawn.

    Attributes:
        camera: Its camera.
        captured_at: UTC.
        kept: Boxes that both count.
        lost: Boxes of the first alone.
        gained: Boxes of the second alone.
        width: Of the image, px; None where its table does not say.
        height: Likewise.
        drawing: Both sets of boxes.
    """

    camera: str
    captured_at: datetime
    kept: int
    lost: int
    gained: int
    width: int | None
    height: int | None
    drawing: Drawing


def find_people(database: Database, runs: Sequence[StoredRun], taxa: Mapping[str, Taxon], where: Where) -> None:
    """Make the images that show people a table: one that either of the two says it of is never shown.

    Makes: compared_people, the views of_first_images and of_second_images

    Raises:
        ConfigError: The tables of one do not tell which they are.
    """
    said = []
    for name, run in zip(("first", "second"), runs, strict=True):
        prefix = f"{_OF}{name}_"
        view_tables(database, run.summary.tables, where, prefix)
        people = people_of(run.summary.result, run.run_key, taxa)
        said.append(with_people(people, [f"{STORED}{prefix}{view}" for view in ("detections", "below")]))
    database.run(f"CREATE OR REPLACE TABLE compared_people AS {' UNION '.join(said)}")


def read_differed(database: Database, words: tuple[str, str]) -> tuple[tuple[Differed, ...], int]:
    """Read the images that differ most and may be shown, and how many that differ show people.

    Reads: differing_images, common_images, compared_people, compared_boxes, same_boxes, the views of what both stored
    """
    images = database.records(_DIFFERED)
    keys = [image["key"] for image in images]
    database.set_variable("compared_keys", keys)
    boxes: dict[str, list[Box]] = {}
    listed = ", ".join(
        "'" + key.replace("'", "''") + "'" for key in keys
    )  # as texts: row groups without them are not read
    for row in database.records(_BOXES.format(keys=listed)) if keys else ():
        of_image = boxes.setdefault(row["key"], [])
        if len(of_image) < MOST_BOXES:
            of_image.append(_box(row, words))
    hidden = "SELECT count(*) FROM differing_images SEMI JOIN compared_people USING (key, object_version)"
    found = tuple(_differed(image, boxes[image["key"]]) for image in images)
    return found, int(database.value(hidden))


def _differed(image: Mapping[str, Any], boxes: Sequence[Box]) -> Differed:
    drawing = Drawing(
        image["key"],
        image["object_version"],
        image["size_bytes"],
        tuple(boxes),
        content_sha256=image["content_sha256"] or "",
    )
    told = {name: image[name] for name in ("kept", "lost", "gained", "width", "height")}
    return Differed(image["camera"], image["captured_at"], **told, drawing=drawing)


def _box(row: Mapping[str, Any], words: tuple[str, str]) -> Box:
    number = row["side"] - 1
    alone: tuple[Style, Style] = ("lost", "gained")
    return Box.of(
        [row[edge] for edge in ("x1", "y1", "x2", "y2")],
        label=f"{words[number]}: {shown(row['taxon'])}",
        class_id=row["class_id"],
        conf=row["confidence"],
        style="counted" if row["is_kept"] else alone[number],
        colour=COLOURS[number],
        mask=row["mask"] or "",
        keypoints=tuple(row["keypoints"] or ()),
        angle=row["angle"],
    )
