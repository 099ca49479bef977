"""YOLOv8, YOLO11, YOLO12, YOLO26 and whatever else ultralytics exports for detection without NMS in the graph."""

from shoal.contract.families.family import NotOfFamilyError
from shoal.contract.families.layouts import (
    count_classes,
    has_chosen_boxes,
    is_named,
    may_detect,
    only_output,
    says_end_to_end,
    says_nms,
    says_rtdetr,
    shapes,
)
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo, check_floats, read_model_info


class _Yolov8:
    """Letterboxed RGB in, one output of `(1, 4 + classes, anchors)`."""

    version = 1
    task = "detect"
    codec = "shoal_worker.families.yolov8:Yolov8Codec"

    def understand(self, graph: Graph) -> ModelInfo:
        """Check metadata and shapes.

        Raises:
            NotOfFamilyError: Another task, boxes that the graph chose, or shapes that do not fit the names.
            ModelRefusedError: It is one without names or with numbers that are no floats.
        """
        task = graph.metadata.get("task")
        named = is_named(graph)
        if task != "detect" and not (named and task is None):
            raise NotOfFamilyError(f"Model has task {task!r}, a YOLOv8 has 'detect' - {EXPORT_HINT}")
        said = not named and (says_end_to_end(graph) or says_nms(graph) or says_rtdetr(graph))
        output, classes = only_output(graph), count_classes(graph)
        if not may_detect(graph) or len(graph.inputs) != 1 or said or has_chosen_boxes(graph) or not output:
            raise NotOfFamilyError(
                f"Model has outputs {shapes(graph)}, a YOLOv8 has one (batch, 4 + classes, anchors) - {EXPORT_HINT}"
            )
        if classes is not None and isinstance(output[1], int) and output[1] != 4 + classes:
            raise NotOfFamilyError(
                f"Model output has {output[1]} channels, its {classes} names need {4 + classes} - "
                f"names and weights do not belong together; {EXPORT_HINT}"
            )
        info = read_model_info(graph)
        check_floats(graph)
        return info


YOLOV8 = _Yolov8()
