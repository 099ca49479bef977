"""What the boxes of one image are drawn as where they are no upright ones: read from the answer's tables when it is looked at."""

from collections.abc import Sequence
from dataclasses import replace

from shoal.answers.browsed import SeenBox, SeenImage
from shoal.answers.columns import TABLES
from shoal.contract.errors import ContractError
from shoal.contract.layout import NO_MONTH
from shoal.contract.outlines import Point, corners_of, outlines_of
from shoal.contract.tasks.detect import DETECT
from shoal.results.stored_plan import StoredPlan
from shoal.results.summary_files import SummaryFile
from shoal.tables.session import Database

MOST_MASK_CHARACTERS = 200_000
"""Of all masks of an image that are drawn: of those beyond, the box is."""


def has_shapes(plan: StoredPlan) -> bool:
    """Tell whether a run says more of its boxes than where they are."""
    return plan.task != DETECT.name or plan.then is not None


def files_of(files: Sequence[SummaryFile], table: str, image: SeenImage) -> list[str]:
    """Name the files of a table that hold an image's lines: those of its month, and of no month."""
    return [file.key for file in files if file.table == table and file.month in {f"{image.dated:%Y-%m}", NO_MONTH}]


def with_shapes(database: Database, image: SeenImage, files: Sequence[SummaryFile]) -> SeenImage:
    """Add outlines, key points and what two models said to an image's boxes.

    Args:
        database: A session on the results bucket.
        image: The image.
        files: The tables of its answer.
    """
    database.set_variable("asked_key", image.key)
    told = {}
    for table in ("detections", "below"):
        database.view_parquet(f"own_{table}", files_of(files, table, image), TABLES[table])
        for position, *facts in database.run(
            "SELECT position, mask, keypoints, angle, first_class_name, reclassified.confidence "
            f"FROM own_{table} WHERE key = getvariable('asked_key')"
        ).fetchall():
            told[position] = facts
    left, boxes = MOST_MASK_CHARACTERS, []
    for box in image.boxes:
        mask, keypoints, angle, first, then_conf = told.get(box.position, (None, None, None, None, None))
        left -= len(mask or "")
        shape = mask if left >= 0 else None
        boxes.append(
            replace(
                box,
                outline=_outline(image, shape, keypoints, angle),
                points=() if angle is not None else _points(keypoints),
                first=first or "",
                then_conf=then_conf,
            )
        )
    return replace(image, boxes=tuple(boxes))


def _outline(
    image: SeenImage, mask: str | None, keypoints: Sequence[float | None] | None, angle: float | None
) -> tuple[tuple[Point, ...], ...]:
    if angle is not None:
        corners = corners_of(keypoints)
        return (tuple(corners),) if corners else ()
    if not mask or not image.height:
        return ()
    try:
        return tuple(tuple(part) for part in outlines_of(mask, image.height)[0])
    except ContractError:  # of an image of another size: the box itself is drawn
        return ()


def _points(keypoints: Sequence[float | None] | None) -> tuple[Point, ...]:
    values = keypoints or ()
    return tuple((x, y) for x, y in zip(values[::3], values[1::3], strict=False) if x is not None and y is not None)


def first_words(box: SeenBox) -> str:
    """Say what the first of two models called a box; empty where there is one."""
    if not box.first:
        return ""
    return f"{box.first} to the first model" + (f", then {box.then_conf:.2f}" if box.then_conf is not None else "")
