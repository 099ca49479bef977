"""RT-DETR's half in the worker, as ultralytics exports it: the stretched image in, boxes in parts of it out."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.layouts import CHOSEN, check_one_image, says_head
from shoal.contract.inference import Inference
from shoal.contract.model_card import CARD_FILE
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo, Resize
from shoal_worker.families.chosen import detections, keep
from shoal_worker.families.codec import Floats
from shoal_worker.families.framing import Framed
from shoal_worker.image.stretch import parts_to_pixels
from shoal_worker.tasks.detect import Detections

MOST_PART = 2.0
"""Centres and sizes end at 1; more are pixels."""


class RtDetrCodec(Framed):
    """As ultralytics 8.4 runs it; boxes are clipped to the image, which ultralytics does not do here."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        super().__init__(graph, info, inference)
        self._output = graph.outputs[0].name
        self._says_head = says_head(graph)

    def found(self, outputs: Mapping[str, Floats], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Detections:
        """Keep what scores enough.

        Raises:
            ModelRefusedError: The output is another one, in pixels, or has classes without a name.
        """
        output, classes = outputs[self._output], len(self._info.names)
        check_one_image(output.shape)
        if output.ndim != 3 or output.shape[2] not in {CHOSEN, 4 + classes}:
            raise ModelRefusedError(
                f"Model output has shape {list(output.shape)}, an RT-DETR of {classes} names has [1, queries, {CHOSEN}] or "
                f"[1, queries, {4 + classes}] - names and weights do not belong together; {EXPORT_HINT}"
            )
        boxes, rest = output[0, :, :4], output[0, :, 4:]
        if np.abs(boxes).max(initial=0) > MOST_PART:
            raise ModelRefusedError(
                "Model answers with boxes in pixels, an RT-DETR with parts of the image - "
                f"write family: end_to_end into {CARD_FILE} beside it"
            )
        confidence, class_id = self._scores(rest)
        kept, more = keep(boxes, confidence, class_id, self._inference.stored_conf, self._inference.max_det)
        xyxy = self._to_image(boxes[kept], frame_hw, image_hw)
        return detections(xyxy, confidence[kept], class_id[kept], classes, more=more)

    def _scores(self, rest: Floats) -> tuple[Floats, Floats | NDArray[np.intp]]:
        """Tell score and class of each query; with two classes both forms have one shape, here as in the graph."""
        two = len(self._info.names) == 2
        if rest.shape[1] == CHOSEN - 4 and (not two or self._says_head):
            return rest[:, 0], rest[:, 1]
        if two and len(rest) and np.isin(rest[:, 1], (0, 1)).all():  # a sigmoid's scores are not all whole
            raise ModelRefusedError(
                "Model answers with score and class, as a later RT-DETR does, and its metadata do not say so - "
                f"{EXPORT_HINT}"
            )
        return rest.max(axis=1), rest.argmax(axis=1)

    def _to_image(self, boxes: Floats, frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Floats:
        if self._info.resize is Resize.STRETCH:
            return parts_to_pixels(boxes, image_hw)
        return self._framing.to_image(parts_to_pixels(boxes, frame_hw), frame_hw, image_hw)
