"""YOLOv5's half in the worker: letterbox in, objectness times class, NMS out."""

from collections.abc import Mapping

import numpy as np

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.layouts import check_one_image
from shoal.contract.inference import Inference
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo, Resize
from shoal_worker.families.chosen import refuse_parts
from shoal_worker.families.codec import Floats
from shoal_worker.families.framing import Framed
from shoal_worker.families.nms import Thresholds, choose
from shoal_worker.families.probabilities import check_probabilities
from shoal_worker.image.stretch import clip
from shoal_worker.tasks.detect import Detections


class Yolov5Codec(Framed):
    """As YOLOv5 7.0 runs its own weights."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        super().__init__(graph, info, inference)
        self._output = graph.outputs[0].name
        self._thresholds = Thresholds.of(inference)

    def found(self, outputs: Mapping[str, Floats], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Detections:
        """Choose the boxes.

        Raises:
            ModelRefusedError: There are not as many columns as the names need.
        """
        prediction = outputs[self._output]
        classes = len(self._info.names)
        check_one_image(prediction.shape)
        if prediction.ndim != 3 or prediction.shape[2] != 5 + classes:
            raise ModelRefusedError(
                f"Model output has shape {list(prediction.shape)}, its {classes} names need [1, anchors, {5 + classes}] - "
                f"names and weights do not belong together; {EXPORT_HINT}"
            )
        chosen = choose(_as_yolov8(prediction[0], self._thresholds.conf), self._thresholds)
        refuse_parts(chosen.xyxy, frame_hw, EXPORT_HINT)
        if self._info.resize is Resize.LETTERBOX:
            xyxy = _to_original(chosen.xyxy, frame_hw, image_hw)
        else:
            xyxy = self._framing.to_image(chosen.xyxy, frame_hw, image_hw)
        return Detections(chosen.class_id, chosen.confidence, xyxy, chosen.max_det_reached)


def _as_yolov8(prediction: Floats, conf: float) -> Floats:
    """Bring what may score enough into YOLOv8's layout; no score is above its objectness."""
    check_probabilities(prediction[:, 4:])
    likely = prediction[(prediction[:, 4] > conf) & np.isfinite(prediction[:, 4])]
    return np.concatenate([likely[:, :4], likely[:, 5:] * likely[:, 4:5]], axis=1).T


def _to_original(xyxy: Floats, frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Floats:
    """Bring boxes back as YOLOv5 does: one gain for both sides, padding in halves of pixels."""
    gain = min(frame_hw[0] / image_hw[0], frame_hw[1] / image_hw[1])
    top, left = (frame_hw[0] - image_hw[0] * gain) / 2, (frame_hw[1] - image_hw[1] * gain) / 2
    return clip((xyxy - np.array([left, top, left, top], np.float32)) / np.float32(gain), image_hw)
