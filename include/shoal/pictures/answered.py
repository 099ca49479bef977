"""From what the worker says of a single image (`predict`, `serve`) to the boxes that are drawn on it."""

from collections.abc import Iterator, Mapping, Sequence
from math import cos, sin
from typing import Any

from shoal.pictures.drawing import Box

LEAST_SIDE, MOST_SIDE = 1000, 2400
"""Longer side of the picture of a single image in pixels."""


def side_of(answer: Mapping[str, Any]) -> int:
    """Say how long the longer side of the picture is, px."""
    longer: int = max(answer["width"], answer["height"])
    return min(MOST_SIDE, max(LEAST_SIDE, longer))


def boxes_of(answer: Mapping[str, Any], names: Sequence[str] = ()) -> list[Box]:
    """Make boxes of an answer; a second model's word for one stands in place of the first one's.

    Args:
        answer: The JSON object of one image.
        names: Of the classes: what a classifier finds most likely is said of the image as a whole.
    """
    if (scores := answer.get("class_scores")) is not None:
        return list(_of_whole(scores, names))
    return [_of_box(box) for box in answer.get("detections") or ()]


def _of_whole(scores: Sequence[float | None], names: Sequence[str]) -> Iterator[Box]:
    known = [(score, number) for number, score in enumerate(scores) if score is not None]
    if known:
        score, number = max(known, key=lambda one: (one[0], -one[1]))
        yield Box.of((None,) * 4, label=names[number], class_id=number, conf=score)


def _of_box(box: Mapping[str, Any]) -> Box:
    then = box.get("then")
    named = then if then and then["class_name"] else box
    return Box.of(
        box["xyxy"],
        label=named["class_name"],
        class_id=named["class_id"],
        conf=named["confidence"],
        mask=(box.get("segmentation") or {}).get("counts") or "",
        keypoints=tuple(_points(box)),
        angle=box["xywhr"][4] if "xywhr" in box else None,
    )


def _points(box: Mapping[str, Any]) -> Iterator[float | None]:
    """Give x, y and score of its key points one after another, or of the corners of a turned box."""
    if "xywhr" in box:
        x, y, width, height, angle = box["xywhr"]
        for across, down in ((0.5, 0.5), (0.5, -0.5), (-0.5, -0.5), (-0.5, 0.5)):
            along, beside = across * width, down * height
            yield from (
                x + along * cos(angle) - beside * sin(angle),
                y + along * sin(angle) + beside * cos(angle),
                None,
            )
        return
    for point in box.get("keypoints") or ():
        yield from point
