"""coco.json and coco-results.json: the answer as COCO has datasets and results of detectors.

https://cocodataset.org/#format-data
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from shoal.answers.where import Where
from shoal.contract.tasks.segment import SEGMENT
from shoal.exports.boxes import (
    Box,
    Picture,
    categories_of,
    count_not_held,
    count_others,
    count_without_mask,
    key_points_of,
    need_boxes,
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
    needs_boxes: ClassVar[bool] = True

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file."""
        return []

    def not_held(self, database: Database, answer: Answer) -> dict[str, int]:
        """Count the images that are left out, and what the results have not."""
        left_out = count_not_held(database, answer)
        return {**left_out, "boxes without a mask (not in coco-results.json)": count_without_mask(database, answer)}

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Stream images, then their boxes: images are numbered in key order.

        Raises:
            ConfigError: The answer is a classifier's.
        """
        need_boxes(self.name, answer, "long or megadetector")
        not_held = self.not_held(database, answer)
        view_pictures(database, where)
        ids = categories_of(answer)
        info = {
            "description": "; ".join(
                filter(None, [f"{answer.result['dataset']}, seen by {answer.plan.models}", answer.plan.cite_model])
            ),
            "version": answer.result["variant_sha256"],
        }
        points = key_points_of(database, answer)
        of_points = {"keypoints": [str(number) for number in range(1, points + 1)], "skeleton": []} if points else {}
        categories = [{"id": number, "name": taxon, "supercategory": "", **of_points} for taxon, number in ids.items()]

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
        only_masks = answer.plan.task == SEGMENT.name
        results = write_whole(
            to / "coco-results.json", lambda part: write_list(part, _results(database, ids, only_masks=only_masks))
        )
        boxes = int(database.value(_COUNTS))
        without = count_without_mask(database, answer)
        not_held = {**not_held, **count_others(database)}
        return Written((data, results), not_held, {data.name: boxes, results.name: boxes - without})


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
        yield {
            "id": number,
            "image_id": image,
            "category_id": ids[box.taxon],
            "bbox": box.xywh,
            "area": box.area,
            "iscrowd": 0,
            "score": box.score,
            **_shape(picture, box),
            **_first(box),
        }


def _first(box: Box) -> dict[str, Any]:
    """Tell of a second model in a row: what the first one called the box, and the second one's score for what it is."""
    return {} if box.first is None else {"first_class": box.first, "then_score": box.then_score}


def _shape(picture: Picture, box: Box) -> dict[str, Any]:
    """Write a mask as it is stored, a turned box as its corners, key points with their flags and the model's own scores."""
    shape: dict[str, Any] = {}
    if box.mask:
        shape["segmentation"] = {"size": [picture.height, picture.width], "counts": box.mask}
    elif box.angle is not None:
        shape["segmentation"] = [[round(value, 2) for corner in box.corners for value in corner]]
    if box.points:
        values = [(*(round(value, 2) for value in one.place), one.flag) for one in box.points]
        shape["keypoints"] = [value for point in values for value in point]
        shape["num_keypoints"] = sum(one.flag > 0 for one in box.points)
        shape["keypoint_scores"] = [None if one.score is None else round(one.score, 6) for one in box.points]
    return shape


def _results(database: Database, ids: dict[str, int], *, only_masks: bool) -> Iterator[dict[str, Any]]:
    """Write what `loadRes` takes: it judges all of them by what the first one has, and where that is a box it takes no mask."""
    for image, picture, box in _numbered(database):
        of_box = {} if only_masks else {"bbox": box.xywh}
        if not only_masks or box.mask:
            yield {
                "image_id": image,
                "category_id": ids[box.taxon],
                **of_box,
                "score": box.score,
                **_shape(picture, box),
            }


COCO = Coco()
