"""YOLOv8's half in the worker: letterbox in, NMS out."""

from collections.abc import Mapping

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.layouts import CHOSEN, are_rows, check_one_image
from shoal.contract.inference import Inference
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo
from shoal_worker.families.chosen import refuse_parts
from shoal_worker.families.codec import Floats
from shoal_worker.families.framing import Framed
from shoal_worker.families.nms import Thresholds, choose
from shoal_worker.tasks.detect import Detections


class Yolov8Codec(Framed):
    """Byte-identical to ultralytics 8.4."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        super().__init__(graph, info, inference)
        self._output = graph.outputs[0].name
        self._classes = len(info.names)
        self._thresholds = Thresholds.of(inference)

    def found(self, outputs: Mapping[str, Floats], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Detections:
        """Choose the boxes.

        Raises:
            ModelRefusedError: There are not as many channels as the names need.
        """
        prediction = outputs[self._output]
        expected = 4 + self._classes
        check_one_image(prediction.shape)
        if prediction.shape[:2] != (1, expected) or are_rows(prediction.shape, expected, CHOSEN):
            raise ModelRefusedError(
                f"Model output has shape {list(prediction.shape)}, its {self._classes} names need "
                f"[1, {expected}, anchors] - names and weights do not belong together; {EXPORT_HINT}"
            )
        chosen = choose(prediction[0], self._thresholds)
        refuse_parts(chosen.xyxy, frame_hw, EXPORT_HINT)
        return Detections(
            class_id=chosen.class_id,
            confidence=chosen.confidence,
            xyxy=self._framing.to_image(chosen.xyxy, frame_hw, image_hw),
            max_det_reached=chosen.max_det_reached,
        )
