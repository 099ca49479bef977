"""RT-DETR's half in the worker, as its authors export it: the image and the size of boxes in, labels, boxes, scores out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.layouts import check_one_image
from shoal.contract.families.rtdetr_original import output_names, split_inputs
from shoal.contract.inference import Inference
from shoal.contract.model_info import Graph, ModelInfo, Resize
from shoal_worker.families.chosen import detections, keep
from shoal_worker.families.codec import Floats
from shoal_worker.families.framing import Framing
from shoal_worker.image.letterbox import Image, to_tensor
from shoal_worker.image.stretch import stretch_smooth
from shoal_worker.tasks.detect import Detections


class RtDetrOriginalCodec:
    """As the authors' own script runs it: torchvision's Resize of a Pillow image. Boxes are clipped to the image."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        images, sizes = split_inputs(graph)
        self._images, self._sizes = (images or graph.inputs[0]).name, (sizes or graph.inputs[-1]).name
        self._labels, self._boxes, self._scores = output_names(graph)
        self._info = info
        self._inference = inference
        self._framing = Framing(info, inference)

    def frame(self, image: Image) -> Image:
        """Stretch an image."""
        if self._info.resize is Resize.STRETCH:
            return stretch_smooth(image, self._inference.imgsz)
        return self._framing.frame(image)

    def tensors(self, frame: Image) -> Mapping[str, NDArray[Any]]:
        """Make both inputs; boxes are asked for in pixels of the frame: of a square, width and height cannot be mixed up."""
        height, width = frame.shape[:2]
        sizes = np.array([[width, height]], np.int64)
        return {self._images: to_tensor(frame, self._info.mean, self._info.std), self._sizes: sizes}

    def found(self, outputs: Mapping[str, Floats], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Detections:
        """Keep what scores enough.

        Raises:
            ModelRefusedError: The outputs do not fit each other, or have classes without a name.
        """
        labels, boxes, scores = (outputs[name] for name in (self._labels, self._boxes, self._scores))
        check_one_image(boxes.shape)
        if labels.shape != scores.shape or boxes.shape != (*scores.shape, 4) or scores.shape[:1] != (1,):
            raise ModelRefusedError(
                f"Model has labels of {list(labels.shape)}, boxes of {list(boxes.shape)} and scores of {list(scores.shape)}, "
                "expected [1, queries], [1, queries, 4] and [1, queries] - export it again as its authors do"
            )
        kept, more = keep(boxes[0], scores[0], labels[0], self._inference.stored_conf, self._inference.max_det)
        xyxy = self._framing.to_image(boxes[0, kept], frame_hw, image_hw)
        return detections(xyxy, scores[0, kept], labels[0, kept], len(self._info.names), more=more)
