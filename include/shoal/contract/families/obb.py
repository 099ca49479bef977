"""Boxes with an angle: YOLOv8, YOLO11 and YOLO26 obb as ultralytics exports it, raw, end to end or with NMS inside."""

from dataclasses import replace

from shoal.contract.families.box_outputs import find_boxes, need_task
from shoal.contract.model_info import Graph, ModelInfo, Resize, check_floats, read_model_info

ANGLES = 1
"""Values of a box besides sides and classes: its angle."""


class _Obb:
    """Letterboxed RGB in, boxes with an angle out."""

    version = 1
    task = "obb"
    codec = "shoal_worker.families.obb:ObbCodec"
    roles = ("boxes",)

    def understand(self, graph: Graph) -> ModelInfo:
        """Check metadata and shapes.

        Raises:
            NotOfFamilyError: It is for another task.
            ModelRefusedError: No names, or shapes that do not fit them.
        """
        need_task(graph, self.task)
        check_floats(graph)
        info = replace(read_model_info(graph), resize=Resize.LETTERBOX)  # a rectangle that is stretched is none
        find_boxes(graph, len(info.names), ANGLES, "an angle")
        return info


OBB = _Obb()
