"""Boxes with an angle: which of them are one thing, and where they lie in the image.

Two boxes are compared as Gaussians by their Hellinger distance (https://arxiv.org/abs/2106.06072), as ultralytics does; a box
is dropped for any better one of its class that is too like it, also for one that is dropped itself.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from shoal.contract.families.box_outputs import BoxOutput, check_found
from shoal_worker.families.more_boxes import MoreBoxes, read_chosen
from shoal_worker.families.nms import CLASS_OFFSET, Floats, Thresholds, candidates
from shoal_worker.image.letterbox import Inner

EPS = np.float32(1e-7)
FARTHEST = np.float32(100)
"""Distances are cut there."""

BLOCK = 64
"""Boxes compared with all better ones at once."""


def read_rotated(output: Floats, boxes: BoxOutput, thresholds: Thresholds) -> MoreBoxes:
    """Choose the boxes of one image; their sides are centre, width and height, `more` is the angle.

    Args:
        output: As the model gave it.
        boxes: What it is.
        thresholds: What decides which boxes are kept; suppression is the graph's where it chooses them.

    Raises:
        ModelRefusedError: Its shape or its classes do not fit the names.
    """
    check_found(output.shape, boxes)
    if boxes.chosen:
        return read_chosen(output[0], boxes, thresholds, also=1)
    prediction = output[0]
    prediction = prediction[:, np.isfinite(prediction[-1])]
    anchors, class_id, confidence = candidates(prediction[:-1], thresholds.conf)
    xywhr = np.concatenate([prediction[:4, anchors], prediction[-1:, anchors]]).T
    planes = xywhr.copy()
    planes[:, :2] += (class_id * CLASS_OFFSET).astype(np.float32)[:, None]
    kept = suppress(planes, thresholds.iou, thresholds.max_det)
    return MoreBoxes(
        class_id[kept].astype(np.int32),
        confidence[kept],
        xywhr[kept, :4],
        xywhr[kept, 4:],
        max_det_reached=len(kept) >= thresholds.max_det,
    )


def suppress(xywhr: Floats, iou: float, max_det: int) -> NDArray[np.intp]:
    """Drop each box that is too like a better one.

    Args:
        xywhr: `(n, 5)` float32 boxes, best first.
        iou: How like they may be.
        max_det: Stop when this many are kept.

    Returns:
        Positions of the kept boxes, best first.
    """
    kept: list[int] = []
    for first in range(0, len(xywhr), BLOCK):
        block = xywhr[first : first + BLOCK]
        alike = likeness(xywhr[: first + len(block)], block) > iou
        better = np.arange(len(alike))[:, None] < first + np.arange(len(block))
        kept.extend((first + np.flatnonzero(~(alike & better).any(axis=0))).tolist())
        if len(kept) >= max_det:
            break
    return np.array(kept[:max_det], dtype=np.intp)


def likeness(boxes: Floats, others: Floats) -> Floats:
    """Compare each of n boxes with each of m others, `(n, m)`: 1 is the same, 0 far away."""
    x, y, a, b, c = (values[:, None] for values in _gaussian(boxes))
    other_x, other_y, other_a, other_b, other_c = _gaussian(others)
    sum_a, sum_b, sum_c = a + other_a, b + other_b, c + other_c
    across, down = x - other_x, y - other_y
    spread = sum_a * sum_b - sum_c**2
    apart = (sum_a * down**2 + sum_b * across**2) / (spread + EPS) * np.float32(0.25)
    apart += sum_c * -across * down / (spread + EPS) * np.float32(0.5)
    areas = (a * b - c**2).clip(0) * (other_a * other_b - other_c**2).clip(0)
    apart += np.log(spread / (4 * np.sqrt(areas) + EPS) + EPS) * np.float32(0.5)
    return cast(Floats, 1 - np.sqrt(1 - np.exp(-apart.clip(EPS, FARTHEST)) + EPS))


def _gaussian(xywhr: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Centre, and the covariance [[a, c], [c, b]] of a box's area; `(n,)` each."""
    x, y, width, height, angle = np.ascontiguousarray(xywhr.T)
    along, across = width**2 / 12, height**2 / 12
    cos, sin = np.cos(angle), np.sin(angle)
    return x, y, along * cos**2 + across * sin**2, along * sin**2 + across * cos**2, (along - across) * cos * sin


def rotated_to_original(xywh: Floats, angle: Floats, frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Floats:
    """Bring boxes from the frame into the image, unclipped: each side by the gain of its axis, as ultralytics does.

    Args:
        xywh: `(n, 4)` float32, pixels of the frame.
        angle: `(n, 1)` float32, radians.
        frame_hw: (height, width) of the frame in pixels.
        image_hw: (height, width) of the image in pixels.

    Returns:
        `(n, 5)` float32: centre, width, height in pixels of the image, and the angle as the model gave it.
    """
    inner = Inner.of(frame_hw, image_hw)
    padding = np.array([inner.left, inner.top, 0, 0], np.float32)
    gains = np.array([inner.gain_x, inner.gain_y] * 2, np.float32)
    return np.concatenate([(xywh - padding) / gains, angle], axis=1)


def corners(xywhr: Floats) -> Floats:
    """Find the corners of boxes: `(n, 4, 2)`, going round from the one at +width/2, +height/2."""
    centre, width, height, angle = xywhr[:, None, :2], xywhr[:, 2], xywhr[:, 3], xywhr[:, 4]
    cos, sin = np.cos(angle), np.sin(angle)
    along = np.stack([width / 2 * cos, width / 2 * sin], axis=1)[:, None]
    across = np.stack([-height / 2 * sin, height / 2 * cos], axis=1)[:, None]
    signs = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]], np.float32)
    return cast(Floats, centre + along * signs[None, :, :1] + across * signs[None, :, 1:])
