"""End-to-end graphs' half in the worker: letterbox in, thresholds out."""

from collections.abc import Mapping

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.layouts import CHOSEN, check_one_image
from shoal.contract.inference import Inference
from shoal.contract.model_card import CARD_FILE
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo
from shoal_worker.families.chosen import detections, keep, refuse_parts
from shoal_worker.families.codec import Floats
from shoal_worker.families.framing import Framed
from shoal_worker.tasks.detect import Detections

_WAY_OUT = f"write family: rtdetr into {CARD_FILE} beside it where it is one"


class EndToEndCodec(Framed):
    """As ultralytics 8.4 reads what chooses its boxes itself."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        super().__init__(graph, info, inference)
        self._output = graph.outputs[0].name

    def found(self, outputs: Mapping[str, Floats], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Detections:
        """Keep what scores enough.

        Raises:
            ModelRefusedError: The output is another one, in parts of the image, or has classes without a name.
        """
        output = outputs[self._output]
        check_one_image(output.shape)
        if output.ndim != 3 or output.shape[2] != CHOSEN:
            raise ModelRefusedError(
                f"Model output has shape {list(output.shape)}, an end-to-end detector has [1, boxes, {CHOSEN}] - {EXPORT_HINT}"
            )
        boxes, confidence, class_id = output[0, :, :4], output[0, :, 4], output[0, :, 5]
        refuse_parts(boxes[confidence > 0], frame_hw, _WAY_OUT)
        kept, more = keep(boxes, confidence, class_id, self._inference.stored_conf, self._inference.max_det)
        xyxy = self._framing.to_image(boxes[kept], frame_hw, image_hw)
        return detections(xyxy, confidence[kept], class_id[kept], len(self._info.names), more=more)
