"""The worker's half for boxes with an angle."""

from collections.abc import Mapping

import numpy as np

from shoal.contract.families.box_outputs import find_boxes
from shoal.contract.families.obb import ANGLES
from shoal.contract.inference import Inference
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo
from shoal_worker.families.chosen import refuse_parts
from shoal_worker.families.codec import Floats
from shoal_worker.families.framing import Framed
from shoal_worker.families.nms import Thresholds
from shoal_worker.families.rotated import corners, read_rotated, rotated_to_original
from shoal_worker.tasks.detect import Detections


class ObbCodec(Framed):
    """As ultralytics 8.4.190: the angle stays what the model says."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        super().__init__(graph, info, inference)
        self._thresholds = Thresholds.of(inference)
        self._boxes = find_boxes(graph, len(info.names), ANGLES, "an angle")

    def found(self, outputs: Mapping[str, Floats], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Detections:
        """Choose the boxes; `xyxy` is what encloses each of them in the image.

        Raises:
            ModelRefusedError: Output and names do not fit each other.
        """
        found = read_rotated(outputs[self._boxes.name], self._boxes, self._thresholds)
        refuse_parts(found.sides, frame_hw, EXPORT_HINT)
        xywhr = rotated_to_original(found.sides, found.more, frame_hw, image_hw)
        points = corners(xywhr)
        height, width = image_hw
        enclosing = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
        return Detections(
            found.class_id,
            found.confidence,
            enclosing.clip(0, np.array([width, height, width, height], np.float32)),
            max_det_reached=found.max_det_reached,
            keypoints=points,
            xywhr=xywhr,
        )
