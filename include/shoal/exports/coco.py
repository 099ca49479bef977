"""coco.json and coco-results.json: the answer as COCO has datasets and results of detectors.

https://cocodataset.org/#format-data
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from shoal.answers.where import Where
from shoal.exports.boxes import (
    Box,
    Picture,
    categories_of,
    count_not_held,
    count_others,
    stream_pictures,
    view_pictures,
)
from shoal.exports.export import Answer, Written
from shoal.exports.json_stream import write_list, write_object
from shoal.exports.whole_file import write_whole
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

_COUNTS = (
    "SELECT count(*) FROM detections WHERE role = 'count' AND use IN ('used', 'undated') "
    "AND (key, object_version) NOT IN (FROM people)"
)


@dataclass(frozen=True)
class Coco:
    """Images (the empty ones too), taxa and boxes; the results file has the boxes alone."""

    name: ClassVar[str] = "coco"
    content_type: ClassVar[str] = "application/json"
    needs_complete: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file."""
        return []

    def not_held(self, database: Database, answer: Answer) -> dict[str, int]:
        """Count the images that are left out."""
        return count_not_held(database, answer)

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Stream images, then their boxes: images are numbered in key order."""
        not_held = self.not_held(database, answer)
        view_pictures(database, where)
        ids, model = categories_of(answer), answer.result["model"]
        info = {
            "description": f"{answer.result['dataset']}, seen by {model['name']} {model['version']}",
            "version": answer.result["variant_sha256"],
        }
        categories = [{"id": number, "name": taxon, "supercategory": ""} for taxon, number in ids.items()]

        def write_dataset(part: Path) -> None:
            fields = {
                "info": info,
                "licenses": [],
                "categories": categories,
                "images": _images(database),
                "annotations": _annotations(database, ids),
            }
            write_object(part, fields)

        data = write_whole(to / "coco.json", write_dataset)
        results = write_whole(to / "coco-results.json", lambda part: write_list(part, _results(database, ids)))
        boxes = int(database.value(_COUNTS))
        not_held = {**not_held, **count_others(database)}
        return Written((data, results), not_held, {data.name: boxes, results.name: boxes})


def _images(database: Database) -> Iterator[dict[str, Any]]:
    for number, picture in enumerate(stream_pictures(database), 1):
        yield {
            "id": number,
            "file_name": picture.key,
            "width": picture.width,
            "height": picture.height,
            **({"date_captured": f"{picture.captured_at:%Y-%m-%d %H:%M:%S}"} if picture.captured_at else {}),
        }


def _numbered(database: Database) -> Iterator[tuple[int, Picture, Box]]:
    for number, picture in enumerate(stream_pictures(database), 1):
        for box in picture.boxes:
            yield number, picture, box


def _annotations(database: Database, ids: dict[str, int]) -> Iterator[dict[str, Any]]:
    for number, (image, picture, box) in enumerate(_numbered(database), 1):
        *_, width, height = box.xywh
        keypoints = [round(value, 2) for value in box.keypoints or ()]
        yield {
            "id": number,
            "image_id": image,
            "category_id": ids[box.taxon],
            "bbox": box.xywh,
            "area": round(box.area_px if box.area_px is not None else width * height, 2),
            "iscrowd": 0,
            "score": box.score,
            **({"segmentation": {"size": [picture.height, picture.width], "counts": box.mask}} if box.mask else {}),
            **({"keypoints": keypoints, "num_keypoints": len(keypoints) // 3} if keypoints else {}),
        }


def _results(database: Database, ids: dict[str, int]) -> Iterator[dict[str, Any]]:
    for image, _, box in _numbered(database):
        yield {"image_id": image, "category_id": ids[box.taxon], "bbox": box.xywh, "score": box.score}


COCO = Coco()
