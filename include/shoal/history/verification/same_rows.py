"""Whether two looks of one model at one image saw the same, as far as processors agree.

Inference is deterministic on one processor. On another one ONNX Runtime rounds otherwise: scores differed by up to 0.00004 and
boxes by 0.03 px (docs/models.md), which here is given room for a GPU, too.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from shoal.contract.mask_runs import runs_of

SCORE = 0.002
"""By so much a score may differ."""

PIXELS = 1.0
"""By so much an edge of a box, or a key point, may."""

RADIANS = 0.01
"""By so much an angle may."""

COVERED = 0.02
"""Share of an outline's pixels that may be in one of them only."""

_SIDES = ("x1", "y1", "x2", "y2")


def tell_difference(stored: Mapping[str, Any], again: Mapping[str, Any], stored_conf: float) -> str:
    """Say in what a stored row is not what the model sees now; empty where it is that.

    Args:
        stored: The row of the answer, by column of `contract.rows.ROW_COLUMNS`.
        again: The row of the new look.
        stored_conf: Lowest score that is stored: a box about there may be in one of them only.
    """
    for name in ("content_sha256", "status", "reason", "width", "height"):
        if stored[name] != again[name]:
            return f"{name} {stored[name]} is stored, {again[name]} was found"
    if far := _far_scores(stored["class_scores"], again["class_scores"]):
        return far
    return _unlike_boxes(_boxes_of(stored), _boxes_of(again), stored_conf)


def _far_scores(stored: Sequence[float] | None, again: Sequence[float] | None) -> str:
    """Compare what a classifier says of the whole image."""
    if (stored is None) != (again is None) or (stored is not None and again is not None and len(stored) != len(again)):
        return "scores of classes are stored where none are found, or the other way round"
    for class_id, pair in enumerate(zip(stored or (), again or (), strict=True)):
        if abs((pair[0] or 0.0) - (pair[1] or 0.0)) > SCORE:
            return f"class {class_id} has score {pair[0]}, {pair[1]} was found"
    return ""


def _boxes_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Join what a row tells of each box: columns beside `detections` are in its order, NULL where the model gives none."""
    boxes = row["detections"] or []
    beside = {name: row[name] or [None] * len(boxes) for name in ("reclassified", "angles", "keypoints", "masks")}
    return [{**box, **{name: values[at] for name, values in beside.items()}} for at, box in enumerate(boxes)]


def _unlike_boxes(stored: Sequence[Mapping[str, Any]], again: Sequence[Mapping[str, Any]], stored_conf: float) -> str:
    """Find a box of one look that the other one has nowhere; each stands for one."""
    left = list(again)
    for box in stored:
        same = next((other for other in left if _is_same(box, other)), None)
        if same is not None:
            left.remove(same)
        elif box["confidence"] > stored_conf + SCORE:
            return f"a box of {_named(box)} is stored, no such one was found"
    for box in left:
        if box["confidence"] > stored_conf + SCORE:
            return f"a box of {_named(box)} was found, no such one is stored"
    return ""


def _named(box: Mapping[str, Any]) -> str:
    then = box["reclassified"]
    second = f", class {then['class_id']} for the second model," if then else ""
    return f"class {box['class_id']}{second} with score {box['confidence']:.3f}"


def _is_same(box: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (
        box["class_id"] == other["class_id"]
        and abs(box["confidence"] - other["confidence"]) <= SCORE
        and all(abs(box[side] - other[side]) <= PIXELS for side in _SIDES)
        and _is_same_class(box["reclassified"], other["reclassified"])
        and _are_close([box["angles"]], [other["angles"]], RADIANS)
        and _are_close(box["keypoints"], other["keypoints"], PIXELS)
        and _cover_alike(box["masks"], other["masks"])
    )


def _is_same_class(then: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    if then is None or other is None:
        return then is other
    return bool(then["class_id"] == other["class_id"] and abs(then["confidence"] - other["confidence"]) <= SCORE)


def _are_close(values: Sequence[float | None] | None, others: Sequence[float | None] | None, most: float) -> bool:
    if values is None or others is None:
        return values is others
    if len(values) != len(others):
        return False
    return all(
        one is other if one is None or other is None else abs(one - other) <= most
        for one, other in zip(values, others, strict=True)
    )


def _cover_alike(mask: str | None, other: str | None) -> bool:
    """Compare two outlines by what they cover: a pixel at an edge may fall to either side."""
    if mask == other or not mask or not other:
        return mask == other
    first, second = runs_of(mask), runs_of(other)
    if sum(first) != sum(second):
        return False
    # Each end of a run turns one of the two over; between an odd turn and the next one they differ.
    turns = sorted((*accumulate(first), *accumulate(second), sum(first)))
    apart = sum(end - start for start, end in zip(turns[::2], turns[1::2], strict=False))
    return apart <= COVERED * max(sum(first[1::2]), sum(second[1::2]), 1)
