"""RF-DETR's half in the worker: the stretched and normalised image in, a sigmoid and the best pairs of query and class out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.layouts import check_one_image
from shoal.contract.families.rfdetr import find_background, output_names
from shoal.contract.inference import Inference
from shoal.contract.model_info import Graph, ModelInfo, Resize
from shoal_worker.families.chosen import detections
from shoal_worker.families.codec import Floats
from shoal_worker.families.framing import Framing
from shoal_worker.image.letterbox import Image, to_tensor
from shoal_worker.image.stretch import parts_to_pixels, stretch_unrounded
from shoal_worker.tasks.detect import Detections


class RfDetrCodec:
    """As rfdetr 1.11 runs its exports: as many pairs as there are queries, whatever their classes."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        self._input = graph.inputs[0].name
        self._boxes, self._scores = output_names(graph)
        self._info = info
        self._inference = inference
        self._framing = Framing(info, inference)

    def frame(self, image: Image) -> NDArray[Any]:
        """Stretch an image, in floats: its runtime rounds nothing here."""
        if self._info.resize is Resize.STRETCH:
            return stretch_unrounded(image, self._inference.imgsz)
        return self._framing.frame(image)

    def tensors(self, frame: NDArray[Any]) -> Mapping[str, Floats]:
        """Make the one input: RGB, normalised."""
        return {self._input: to_tensor(frame, self._info.mean, self._info.std)}

    def found(self, outputs: Mapping[str, Floats], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Detections:
        """Keep what scores enough.

        Raises:
            ModelRefusedError: Boxes, columns and names do not fit each other.
        """
        boxes, raw = outputs[self._boxes], outputs[self._scores]
        check_one_image(boxes.shape)
        if boxes.ndim != 3 or raw.ndim != 3 or raw.shape[:2] != boxes.shape[:2] or boxes.shape[2] != 4:
            raise ModelRefusedError(
                f"Model has boxes of {list(boxes.shape)} and scores of {list(raw.shape)}, expected [1, queries, 4] and "
                "[1, queries, columns] - export it again with rfdetr"
            )
        background = find_background(self._info.background, raw.shape[2], len(self._info.names))
        scores = _sigmoid(raw[0])
        if background is not None:
            scores = np.delete(scores, background, axis=1)
        query, class_id, confidence = _best_pairs(scores, self._inference.stored_conf, self._inference.max_det)
        return detections(
            self._to_image(boxes[0, query], frame_hw, image_hw),
            confidence,
            class_id,
            len(self._info.names),
            more=len(query) >= min(len(scores), self._inference.max_det),
        )

    def _to_image(self, boxes: Floats, frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Floats:
        if self._info.resize is Resize.STRETCH:
            return parts_to_pixels(boxes, image_hw)
        return self._framing.to_image(parts_to_pixels(boxes, frame_hw), frame_hw, image_hw)


def _sigmoid(values: Floats) -> Floats:
    with np.errstate(over="ignore"):  # the exponential of a very low score is infinite, its share 0
        return np.asarray(1 / (1 + np.exp(-values)), np.float32)


def _best_pairs(scores: Floats, conf: float, max_det: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Choose pairs of query and class, best first, as many as there are queries: `(n,)` each, queries, classes, scores."""
    flat = scores.ravel()
    above = np.flatnonzero(flat > conf)  # what is no number is not above
    best = above[np.argsort(-flat[above], kind="stable")[: min(len(scores), max_det)]]
    return best // scores.shape[1], best % scores.shape[1], flat[best]
