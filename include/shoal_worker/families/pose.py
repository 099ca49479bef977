"""The worker's half for boxes with key points."""

from collections.abc import Mapping

import numpy as np

from shoal.contract.families.pose import find_outputs
from shoal.contract.inference import Inference
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo
from shoal_worker.families.chosen import refuse_parts
from shoal_worker.families.codec import Floats
from shoal_worker.families.framing import Framed
from shoal_worker.families.more_boxes import read_boxes
from shoal_worker.families.nms import Thresholds
from shoal_worker.image.letterbox import to_original
from shoal_worker.tasks.detect import Detections


class PoseCodec(Framed):
    """Points are clipped to the image, as boxes are."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        super().__init__(graph, info, inference)
        self._thresholds = Thresholds.of(inference)
        self._boxes = find_outputs(graph, info)
        self._points = info.keypoints or (0, 0)

    def found(self, outputs: Mapping[str, Floats], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Detections:
        """Choose the boxes.

        Raises:
            ModelRefusedError: Output and names do not fit each other.
        """
        found = read_boxes(outputs[self._boxes.name], self._boxes, self._thresholds)
        refuse_parts(found.sides, frame_hw, EXPORT_HINT)
        points = found.more.reshape(-1, *self._points)
        places = to_original(points[..., :2], frame_hw, image_hw)
        return Detections(
            found.class_id,
            found.confidence,
            to_original(found.sides, frame_hw, image_hw),
            max_det_reached=found.max_det_reached,
            keypoints=np.concatenate([places, points[..., 2:]], axis=2),
        )
