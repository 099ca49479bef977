"""Graphs that choose their boxes themselves: YOLO26 and YOLOv10 end to end, and what ultralytics exports with `nms=True`."""

from shoal.contract.families.family import NotOfFamilyError
from shoal.contract.families.layouts import (
    CHOSEN,
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


class _EndToEnd:
    """Letterboxed RGB in, one output of `(1, boxes, 6)`: x1, y1, x2, y2 in pixels of the letterbox, confidence, class."""

    version = 1
    task = "detect"
    codec = "shoal_worker.families.end_to_end:EndToEndCodec"

    def understand(self, graph: Graph) -> ModelInfo:
        """Check metadata and shapes.

        Raises:
            NotOfFamilyError: Another task, an RT-DETR, or boxes that are still to be chosen.
            ModelRefusedError: It is one without names or with numbers that are no floats.
        """
        output = only_output(graph)
        named = is_named(graph)
        said = named or says_end_to_end(graph) or says_nms(graph)
        fits = bool(output) and (output[2] == CHOSEN or not isinstance(output[2], int))
        other = not named and says_rtdetr(graph)
        if not may_detect(graph) or other or not ((said and fits) or has_chosen_boxes(graph)):
            raise NotOfFamilyError(
                f"Model has outputs {shapes(graph)}, an end-to-end detector has one (batch, boxes, {CHOSEN}) - {EXPORT_HINT}"
            )
        info = read_model_info(graph)
        check_floats(graph)
        return info


END_TO_END = _EndToEnd()
