"""Boxes that carry more than class and confidence, read in either form: raw, or chosen by the graph itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.contract.families.box_outputs import BoxOutput, check_found
from shoal_worker.families.chosen import check_classes, keep
from shoal_worker.families.nms import Floats, Thresholds, choose


@dataclass(frozen=True)
class MoreBoxes:
    """Boxes that are kept, most confident first.

    Attributes:
        class_id: `(n,)` int32.
        confidence: `(n,)` float32.
        sides: `(n, 4)` float32, pixels of the frame: xyxy, or xywh of boxes with an angle.
        more: `(n, m)` float32, what else the model says of each.
        max_det_reached: As many as may be kept were found.
    """

    class_id: NDArray[np.int32]
    confidence: Floats
    sides: Floats
    more: Floats
    max_det_reached: bool


def read_boxes(output: Floats, boxes: BoxOutput, thresholds: Thresholds) -> MoreBoxes:
    """Choose the boxes of one image, upright ones.

    Args:
        output: As the model gave it.
        boxes: What it is.
        thresholds: What decides which boxes are kept; suppression is the graph's where it chooses them.

    Raises:
        ModelRefusedError: Its shape or its classes do not fit the names.
    """
    check_found(output.shape, boxes)
    if boxes.chosen:
        return read_chosen(output[0], boxes, thresholds)
    split = 4 + boxes.classes
    chosen = choose(output[0, :split], thresholds)
    more = np.ascontiguousarray(output[0, split:, chosen.anchors])
    return MoreBoxes(chosen.class_id, chosen.confidence, chosen.xyxy, more, chosen.max_det_reached)


def read_chosen(rows: Floats, boxes: BoxOutput, thresholds: Thresholds, also: int = 0) -> MoreBoxes:
    """Take the boxes that the graph chose.

    Args:
        rows: `(boxes, 6 + m)` float32: four sides, confidence, class, more.
        boxes: What they are.
        thresholds: `conf` and `max_det` apply.
        also: How many of `more` must be numbers, as the sides must.

    Raises:
        ModelRefusedError: A class has no name, or the confidences are no probabilities.
    """
    needed = np.concatenate([rows[:, :4], rows[:, 6 : 6 + also]], axis=1)
    kept, more = keep(needed, rows[:, 4], rows[:, 5], thresholds.conf, thresholds.max_det)
    class_id = check_classes(rows[kept, 5], boxes.classes)
    return MoreBoxes(class_id, rows[kept, 4], rows[kept, :4], rows[kept, 6:], more)
