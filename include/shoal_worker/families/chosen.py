"""Boxes that a graph chose itself: thresholds apply to them as they do after NMS, which is exact."""

import numpy as np
from numpy.typing import NDArray

from shoal.contract.errors import ModelRefusedError
from shoal.contract.model_info import EXPORT_HINT
from shoal_worker.families.codec import Floats
from shoal_worker.tasks.detect import Detections


def keep(
    boxes: Floats, confidence: Floats, class_id: NDArray[np.floating] | NDArray[np.integer], conf: float, max_det: int
) -> tuple[NDArray[np.intp], bool]:
    """Choose among chosen boxes, best first; ties stay in the graph's order, lines that fill up score 0.

    Args:
        boxes: `(n, 4)`; those that are no numbers are dropped.
        confidence: `(n,)`.
        class_id: `(n,)`.
        conf: A box must score more than this.
        max_det: Most boxes kept.

    Returns:
        Positions of the kept boxes, and whether there may be more: as many as may be kept, or as the graph has lines.
    """
    good = np.isfinite(boxes).all(axis=1) & np.isfinite(class_id)
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
    ids = class_id.astype(np.int32)
    if len(ids) and (ids.min() < 0 or ids.max() >= classes):
        wrong = int(ids.max() if ids.max() >= classes else ids.min())
        raise ModelRefusedError(
            f"Model found class {wrong}, it has names for 0 to {classes - 1} - names and weights do not belong together; "
            f"{EXPORT_HINT}"
        )
    return Detections(ids, confidence.astype(np.float32), xyxy, max_det_reached=more)
