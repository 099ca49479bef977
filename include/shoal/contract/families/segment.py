"""Boxes with masks: YOLOv8, YOLO11 and YOLO26 segmentation as ultralytics exports it, raw, end to end or with NMS inside."""

from dataclasses import dataclass, replace

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.box_outputs import BoxOutput, find_boxes, find_output, need_task
from shoal.contract.families.layouts import shapes
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo, Resize, check_floats, read_model_info

SCALE = 4
"""Pixels of the input for each of the prototypes, along each side."""


@dataclass(frozen=True)
class SegmentOutputs:
    """Where boxes and masks are.

    Attributes:
        boxes: Boxes and, for each, coefficients of the prototypes.
        prototypes: Name of the output `(batch, coefficients, H / 4, W / 4)`.
    """

    boxes: BoxOutput
    prototypes: str


def find_outputs(graph: Graph, classes: int) -> SegmentOutputs:
    """Find boxes and prototypes.

    Raises:
        ModelRefusedError: One of them is missing, or they do not fit each other and the names.
    """
    prototypes = find_output(graph, "prototypes", 4)
    if prototypes is None or len(prototypes.shape) != 4 or not isinstance(prototypes.shape[1], int):
        raise ModelRefusedError(
            f"Model is for segmentation and has no prototypes of masks (outputs {shapes(graph)}; expected boxes and "
            f"(batch, 32, H / {SCALE}, W / {SCALE})) - {EXPORT_HINT}"
        )
    coefficients = prototypes.shape[1]
    boxes = find_boxes(graph, classes, coefficients, f"{coefficients} mask coefficients")
    for side, whole in zip(prototypes.shape[2:], graph.inputs[0].shape[2:], strict=True):
        if isinstance(side, int) and isinstance(whole, int) and side * SCALE != whole:
            raise ModelRefusedError(
                f"Model has prototypes of {side} px along a side of {whole} px, Shoal reads those of a quarter - {EXPORT_HINT}"
            )
    return SegmentOutputs(boxes, prototypes.name)


class _Segment:
    """Letterboxed RGB in, boxes with coefficients and prototypes of masks out."""

    version = 1
    task = "segment"
    codec = "shoal_worker.families.segment:SegmentCodec"
    roles = ("boxes", "prototypes")

    def understand(self, graph: Graph) -> ModelInfo:
        """Check metadata and shapes.

        Raises:
            NotOfFamilyError: It is for another task.
            ModelRefusedError: No names, no prototypes, or shapes that do not fit the names.
        """
        need_task(graph, self.task)
        check_floats(graph)
        info = replace(read_model_info(graph), resize=Resize.LETTERBOX)  # nothing else is drawn back into the image
        find_outputs(graph, len(info.names))
        return info


SEGMENT = _Segment()
