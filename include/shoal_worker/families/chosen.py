"""Boxes that a graph chose itself: thresholds apply to them as they do after NMS, which is exact."""

import numpy as np
from numpy.typing import NDArray

from shoal.contract.errors import ModelRefusedError
from shoal.contract.model_info import EXPORT_HINT
from shoal_worker.families.codec import Floats
from shoal_worker.families.probabilities import check_probabilities
from shoal_worker.tasks.detect import Detections

PART = 1.5
"""Boxes that all end below this are parts of an image: no detector finds nothing beyond its second pixel."""

FRAME = 100
"""Sides from which that is true of a single box, px."""


def keep(
    boxes: Floats, confidence: Floats, class_id: NDArray[np.floating] | NDArray[np.integer], conf: float, max_det: int
) -> tuple[NDArray[np.intp], bool]:
    """Choose among chosen boxes, best first; ties stay in the graph's order, lines that fill up score 0.

    Args:
        boxes: `(n, 4)`, or what else must be numbers; those that are none are dropped.
        confidence: `(n,)`; those that are no numbers are dropped.
        class_id: `(n,)`.
        conf: A box must score more than this.
        max_det: Most boxes kept.

    Returns:
        Positions of the kept boxes, and whether there may be more: as many as may be kept, or as the graph has lines.

    Raises:
        ModelRefusedError: The confidences are no probabilities.
    """
    check_probabilities(confidence)
    good = np.isfinite(boxes).all(axis=1) & np.isfinite(confidence) & np.isfinite(class_id)
    chosen = np.flatnonzero((confidence > conf) & good)
    kept = chosen[np.argsort(-confidence[chosen], kind="stable")][:max_det]
    return kept, 0 < len(confidence) <= len(kept) or len(kept) >= max_det


def detections(
    xyxy: Floats, confidence: Floats, class_id: NDArray[np.floating] | NDArray[np.integer], classes: int, *, more: bool
) -> Detections:
    """Make what was found of kept boxes in pixels of the image.

    Args:
        xyxy: `(n, 4)`.
        confidence: `(n,)`.
        class_id: `(n,)` whole numbers.
        classes: How many names the model has.
        more: Whether there may be more boxes.

    Raises:
        ModelRefusedError: A box is of a class without a name.
    """
    return Detections(check_classes(class_id, classes), confidence.astype(np.float32), xyxy, max_det_reached=more)


def check_classes(class_id: NDArray[np.floating] | NDArray[np.integer], classes: int) -> NDArray[np.int32]:
    """Check that each class of kept boxes has a name.

    Raises:
        ModelRefusedError: One has none.
    """
    ids = class_id.astype(np.int32)
    if len(ids) and (ids.min() < 0 or ids.max() >= classes):
        wrong = int(ids.max() if ids.max() >= classes else ids.min())
        raise ModelRefusedError(
            f"Model found class {wrong}, it has names for 0 to {classes - 1} - names and weights do not belong together; "
            f"{EXPORT_HINT}"
        )
    return ids


def refuse_parts(boxes: Floats, frame_hw: tuple[int, int], way_out: str) -> None:
    """Refuse boxes that are no pixels: they would all lie in the image's corner, and nobody would know.

    Args:
        boxes: `(n, 4)`, those that score.
        frame_hw: (height, width) of the frame in pixels; a single box may be all of one that is small.
        way_out: What helps.

    Raises:
        ModelRefusedError: They are parts of the image.
    """
    known = boxes[np.isfinite(boxes).all(axis=1)]
    enough = len(known) > 1 or (len(known) == 1 and min(frame_hw) >= FRAME)
    if enough and np.abs(known).max() <= PART and known.any():
        raise ModelRefusedError(
            f"Model answers with boxes in parts of the image, as RT-DETR does, and Shoal reads them as pixels - {way_out}"
        )
