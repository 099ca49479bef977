"""megadetector.json: batch results 1.6, as Timelapse, AddaxAI and what weeds out repeated detections read them.

https://lila.science/megadetector-output-format - such readers keep the keys that they know only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from shoal.answers.where import Where
from shoal.contract.errors import ConfigError, shown
from shoal.contract.tasks.classify import CLASSIFY
from shoal.exports.boxes import (
    Box,
    Picture,
    categories_of,
    count_not_held,
    count_others,
    count_shapes,
    stream_pictures,
    view_pictures,
)
from shoal.exports.export import Answer, Written
from shoal.exports.json_stream import write_object
from shoal.exports.whole_file import write_whole
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

FORMAT = "1.6"
FAILED = "failed"

WHOLE = "1"
"""The one category of detections of a classifier: its classes stand in `classifications`, which are always those of a box."""

_COUNTS = """
    SELECT count(*) FILTER (starts_with(key, $1)), count(*) FILTER (NOT starts_with(key, $1))
    FROM held_pictures WHERE use IN ('used', 'undated', 'failed')
"""
_BOXES = (
    "SELECT count(*) FROM detections WHERE role = 'count' AND use IN ('used', 'undated') AND starts_with(key, ?) "
    "AND (key, object_version) NOT IN (FROM people)"
)


@dataclass(frozen=True)
class MegaDetector:
    """Images with their boxes, the empty ones and those that failed too.

    Attributes:
        relative_to: Prefix of the keys that file names begin behind, so that they are as in the folder that a person opens.
    """

    name: ClassVar[str] = "megadetector"
    content_type: ClassVar[str] = "application/json"
    needs_complete: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True

    relative_to: str = ""

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file."""
        return []

    def not_held(self, database: Database, answer: Answer) -> dict[str, int]:
        """Count the images that are left out wherever they lie, and what of boxes has no place."""
        left_out = count_not_held(database, answer, FAILED)
        return {**left_out, **count_shapes(database)}

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Stream the images.

        Raises:
            ConfigError: No key begins with `relative_to`.
        """
        not_held = self.not_held(database, answer)
        begins = f"{self.relative_to.rstrip('/')}/" if self.relative_to.rstrip("/") else ""
        view_pictures(database, where)
        inside, outside = database.run(_COUNTS, [begins]).fetchone() or (0, 0)
        if outside and not inside:
            raise ConfigError(
                f"--relative-to {shown(self.relative_to, 200)}: no key begins so - write the folder that Timelapse opens, as in "
                "the bucket"
            )
        plan = answer.plan
        ids, whole = categories_of(answer), plan.task == CLASSIFY.name
        firsts = _first_categories(plan)

        def write(part: Path) -> None:
            fields = {
                "info": {
                    "format_version": FORMAT,
                    "detector": str(plan.model),
                    **({"classifier": str(plan.then.model)} if plan.then else {}),
                    "detector_metadata": {"typical_detection_threshold": float(answer.result["conf"])},
                },
                **_categories(ids, firsts, whole=whole),
                "images": _images(database, ids, firsts, begins, whole=whole),
            }
            write_object(part, fields)

        path = write_whole(to / "megadetector.json", write)
        not_held = {**not_held, **count_others(database), f"images outside {begins}": outside}
        return Written((path,), not_held, {path.name: int(database.value(_BOXES, [begins]))})


def _first_categories(plan: StoredPlan) -> dict[str, int] | None:
    """Number the classes of the first of two models in a row, from 1; None where there is one."""
    if plan.then is None:
        return None
    return {name: number for number, name in enumerate(plan.names[: plan.then.first_classes], 1)}


def _categories(ids: dict[str, int], firsts: dict[str, int] | None, *, whole: bool) -> dict[str, dict[str, str]]:
    taxa = {str(number): taxon for taxon, number in ids.items()}
    if firsts is not None:
        return {
            "detection_categories": {str(number): name for name, number in firsts.items()},
            "classification_categories": taxa,
        }
    return (
        {"detection_categories": {WHOLE: "image as a whole"}, "classification_categories": taxa}
        if whole
        else {"detection_categories": taxa}
    )


def _images(
    database: Database, ids: dict[str, int], firsts: dict[str, int] | None, begins: str, *, whole: bool
) -> Iterator[dict[str, Any]]:
    for picture in stream_pictures(database, FAILED):
        if not picture.key.startswith(begins):
            continue
        file = picture.key.removeprefix(begins)
        if picture.use == FAILED:
            yield {"file": file, "failure": picture.reason or FAILED, "detections": None}
        else:
            yield {
                "file": file,
                "detections": _classified(picture, ids) if whole else _detections(picture, ids, firsts),
            }


def _classified(picture: Picture, ids: dict[str, int]) -> list[dict[str, Any]]:
    """Write a classifier's class where readers look for it, in a detection: that of the image as a whole."""
    return [
        {
            "category": WHOLE,
            "conf": box.score,
            "bbox": [0.0, 0.0, 1.0, 1.0],
            "classifications": [[str(ids[box.taxon]), box.score]],
        }
        for box in picture.boxes
    ]


def _detections(picture: Picture, ids: dict[str, int], firsts: dict[str, int] | None) -> list[dict[str, Any]]:
    """Write boxes; of two models in a row the first one's class is the category, the second one's its classification."""
    if firsts is None:
        return [
            {"category": str(ids[box.taxon]), "conf": box.score, "bbox": _relative(picture, box)}
            for box in picture.boxes
        ]
    return [
        {
            "category": str(firsts[box.first or ""]),
            "conf": box.score,
            "bbox": _relative(picture, box),
            **({} if box.then_score is None else {"classifications": [[str(ids[box.taxon]), box.then_score]]}),
        }
        for box in picture.boxes
    ]


def _relative(picture: Picture, box: Box) -> list[float]:
    width, height = picture.width or 1, picture.height or 1
    edges = (box.x1 / width, box.y1 / height, (box.x2 - box.x1) / width, (box.y2 - box.y1) / height)
    return [round(value, 6) for value in edges]


MEGADETECTOR = MegaDetector()
