"""The worker's half for boxes with masks."""

from collections.abc import Mapping

import numpy as np

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.layouts import check_one_image
from shoal.contract.families.segment import SCALE, find_outputs
from shoal.contract.inference import Inference
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo
from shoal_worker.families.chosen import refuse_parts
from shoal_worker.families.codec import Floats
from shoal_worker.families.framing import Framed
from shoal_worker.families.masks import Prototypes, outline_all
from shoal_worker.families.more_boxes import read_boxes
from shoal_worker.families.nms import Thresholds
from shoal_worker.image.letterbox import to_original
from shoal_worker.tasks.detect import Detections


class SegmentCodec(Framed):
    """Masks at the image's size, as ultralytics gives them with `retina_masks=True`; a box with an empty one is none."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        super().__init__(graph, info, inference)
        self._thresholds = Thresholds.of(inference)
        self._outputs = find_outputs(graph, len(info.names))

    def found(self, outputs: Mapping[str, Floats], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Detections:
        """Choose the boxes and draw their masks.

        Raises:
            ModelRefusedError: Boxes, prototypes and names do not fit each other.
        """
        prototypes = outputs[self._outputs.prototypes]
        check_one_image(prototypes.shape)
        expected = (1, self._outputs.boxes.more, frame_hw[0] // SCALE, frame_hw[1] // SCALE)
        if prototypes.shape != expected:
            raise ModelRefusedError(
                f"Model gives prototypes of shape {list(prototypes.shape)}, expected {list(expected)} - {EXPORT_HINT}"
            )
        found = read_boxes(outputs[self._outputs.boxes.name], self._outputs.boxes, self._thresholds)
        refuse_parts(found.sides, frame_hw, EXPORT_HINT)
        xyxy = to_original(found.sides, frame_hw, image_hw)
        masks = outline_all(Prototypes(prototypes[0], image_hw), found.more, xyxy)
        kept = np.array([place for place, mask in enumerate(masks) if mask != ""], np.intp)
        return Detections(
            found.class_id[kept],
            found.confidence[kept],
            xyxy[kept],
            max_det_reached=found.max_det_reached,
            masks=tuple(masks[place] for place in kept),
            image_hw=image_hw,
        )
