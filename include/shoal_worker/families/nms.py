"""From YOLOv8's raw output to boxes: the steps and the order of ultralytics' non-maximum suppression.

No clock: the same output always gives the same boxes, however slow the machine is.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from shoal.contract.inference import Inference
from shoal_worker.families.probabilities import check_probabilities

Floats = NDArray[np.float32]

MAX_CANDIDATES = 30_000
"""Best-scored boxes that take part in the suppression."""

CLASS_OFFSET = 7680
"""Pixels between the planes the classes are moved to, so that boxes of two classes never overlap."""

BLOCK = 64
"""Boxes compared with each other at once: one by one costs a dozen calls of numpy each."""


@dataclass(frozen=True)
class Thresholds:
    """What decides which boxes are kept.

    Attributes:
        conf: A box must score more than this.
        iou: A box that overlaps a better one of its class by more than this is dropped.
        max_det: Most boxes kept per image.
    """

    conf: float
    iou: float
    max_det: int

    @classmethod
    def of(cls, inference: Inference) -> "Thresholds":
        """Take them from a plan's settings."""
        return cls(inference.stored_conf, inference.iou, inference.max_det)


@dataclass(frozen=True)
class Chosen:
    """Boxes that are kept, most confident first.

    Attributes:
        anchors: `(n,)` positions in the model's output.
        class_id: `(n,)` int32.
        confidence: `(n,)` float32.
        xyxy: `(n, 4)` float32, pixels of the frame.
        max_det_reached: As many as may be kept were found.
    """

    anchors: NDArray[np.intp]
    class_id: NDArray[np.int32]
    confidence: Floats
    xyxy: Floats
    max_det_reached: bool


def choose(prediction: Floats, thresholds: Thresholds) -> Chosen:
    """Choose the boxes of one image, in the frame, from the model's output.

    Args:
        prediction: `(4 + classes, anchors)` float32: rows 0-3 are centre x, centre y, width, height in pixels
            of the letterboxed frame, the others the classes' probabilities.
        thresholds: What decides which boxes are kept.
    """
    anchors, class_id, confidence = candidates(prediction, thresholds.conf)
    centre, half = prediction[:2, anchors].T, prediction[2:4, anchors].T / 2
    xyxy = np.concatenate([centre - half, centre + half], axis=1)
    planes = xyxy + (class_id * CLASS_OFFSET).astype(np.float32)[:, None]
    kept = suppress(planes, thresholds.iou, thresholds.max_det)
    return Chosen(
        anchors=anchors[kept],
        class_id=class_id[kept].astype(np.int32),
        confidence=confidence[kept],
        xyxy=xyxy[kept],
        max_det_reached=len(kept) >= thresholds.max_det,
    )


def suppress(xyxy: Floats, iou: float, max_det: int) -> NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Args:
        xyxy: `(n, 4)` float32 boxes, best first.
        iou: A later box that overlaps an earlier kept one by more than this is dropped.
        max_det: Stop when this many are kept; boxes kept earlier do not depend on later ones.

    Returns:
        Positions of the kept boxes, best first.
    """
    open_boxes = np.arange(len(xyxy))
    kept: list[int] = []
    while open_boxes.size and len(kept) < max_det:
        block, rest = open_boxes[:BLOCK], open_boxes[BLOCK:]
        chosen = block[_choose(_overlaps(xyxy[block], xyxy[block]) > iou)]
        kept.extend(chosen.tolist())
        if rest.size and len(kept) < max_det:
            dropped = (_overlaps(xyxy[chosen], xyxy[rest]) > iou).any(axis=0)
            rest = rest[~dropped]
        open_boxes = rest
    return np.array(kept[:max_det], dtype=np.intp)


def _choose(overlapping: NDArray[np.bool_]) -> list[int]:
    """Go through boxes, best first, and keep each that no kept one overlaps: row by row of `(n, n)`."""
    dropped = np.zeros(len(overlapping), bool)
    kept = []
    for box, overlapped in enumerate(overlapping):
        if not dropped[box]:
            kept.append(box)
            dropped |= overlapped
    return kept


def _overlaps(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of each of n boxes with each of m others, `(n, m)`."""
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)[..., None]
    other_x1, other_y1, other_x2, other_y2 = np.ascontiguousarray(others.T)
    width = np.minimum(x2, other_x2) - np.maximum(x1, other_x1)
    height = np.minimum(y2, other_y2) - np.maximum(y1, other_y1)
    shared = np.maximum(width, 0, out=width) * np.maximum(height, 0, out=height)
    areas, other_areas = (x2 - x1) * (y2 - y1), (other_x2 - other_x1) * (other_y2 - other_y1)
    with np.errstate(divide="ignore", invalid="ignore"):  # two empty boxes overlap by 0/0: not suppressed
        return cast(Floats, shared / (areas + other_areas - shared))


def candidates(prediction: Floats, conf: float) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Find the boxes whose best class scores above `conf`.

    Args:
        prediction: `(4 + classes, anchors)` float32, as in `choose`.
        conf: What they must score more than.

    Returns:
        `(n,)` each, best first: positions in the output, classes, scores. What is no number is dropped.

    Raises:
        ModelRefusedError: The scores are no probabilities.
    """
    scores = prediction[4:]
    check_probabilities(scores)
    best = scores.max(axis=0)
    chosen = np.flatnonzero((best > conf) & np.isfinite(best))
    chosen = chosen[np.isfinite(prediction[:4, chosen]).all(axis=0)]
    order = np.argsort(-best[chosen], kind="stable")[:MAX_CANDIDATES]
    chosen = chosen[order]
    return chosen, scores[:, chosen].argmax(axis=0), best[chosen]
