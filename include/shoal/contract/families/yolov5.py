"""YOLOv5 and what was trained with it, such as MegaDetector v5: its metadata hold stride and names, no task and no size."""

from shoal.contract.families.family import NotOfFamilyError
from shoal.contract.families.layouts import (
    has_chosen_boxes,
    has_objectness,
    is_named,
    may_detect,
    places_per_cell,
    says_rtdetr,
    shapes,
)
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo, check_floats, read_model_info


class _Yolov5:
    """Letterboxed RGB in, one output of `(1, anchors, 5 + classes)`: centre, size, objectness and the classes' scores."""

    version = 1
    task = "detect"
    codec = "shoal_worker.families.yolov5:Yolov5Codec"

    def understand(self, graph: Graph) -> ModelInfo:
        """Check metadata and shapes.

        Raises:
            NotOfFamilyError: Another task, boxes that the graph chose, or the like of YOLOX, whose pixels are others.
            ModelRefusedError: It is one without a size, or with numbers that are no floats.
        """
        alike = not is_named(graph) and (places_per_cell(graph) == 1 or has_chosen_boxes(graph) or says_rtdetr(graph))
        if not may_detect(graph) or not has_objectness(graph) or alike:
            raise NotOfFamilyError(
                f"Model has outputs {shapes(graph)}, a YOLOv5 has one (batch, anchors, 5 + classes) - {EXPORT_HINT}"
            )
        info = read_model_info(graph)
        check_floats(graph)
        return info


YOLOV5 = _Yolov5()
