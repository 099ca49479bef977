"""Whether two looks of one model at one image saw the same, as far as processors agree.

Inference is deterministic on one processor. On another one ONNX Runtime rounds otherwise: scores differed by up to 0.00004 and
boxes by 0.03 px (docs/models.md), which here is given room for a GPU, too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

SCORE = 0.002
"""By so much a score may differ."""

PIXELS = 1.0
"""By so much an edge of a box, or a key point, may."""

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
    return _unlike_boxes(stored["detections"] or [], again["detections"] or [], stored_conf)


def _far_scores(stored: Sequence[float] | None, again: Sequence[float] | None) -> str:
    """Compare what a classifier says of the whole image."""
    if (stored is None) != (again is None) or (stored is not None and again is not None and len(stored) != len(again)):
        return "scores of classes are stored where none are found, or the other way round"
    for class_id, pair in enumerate(zip(stored or (), again or (), strict=True)):
        if abs((pair[0] or 0.0) - (pair[1] or 0.0)) > SCORE:
            return f"class {class_id} has score {pair[0]}, {pair[1]} was found"
    return ""


def _unlike_boxes(stored: Sequence[Mapping[str, Any]], again: Sequence[Mapping[str, Any]], stored_conf: float) -> str:
    """Find a box of one look that the other one has nowhere; each stands for one."""
    left = list(again)
    for box in stored:
        same = next((other for other in left if _is_same(box, other)), None)
        if same is not None:
            left.remove(same)
        elif box["confidence"] > stored_conf + SCORE:
            return (
                f"a box of class {box['class_id']} with score {box['confidence']:.3f} is stored, no such one was found"
            )
    for box in left:
        if box["confidence"] > stored_conf + SCORE:
            return (
                f"a box of class {box['class_id']} with score {box['confidence']:.3f} was found, no such one is stored"
            )
    return ""


def _is_same(box: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (
        box["class_id"] == other["class_id"]
        and abs(box["confidence"] - other["confidence"]) <= SCORE
        and all(abs(box[side] - other[side]) <= PIXELS for side in _SIDES)
    )
