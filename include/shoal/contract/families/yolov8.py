"""YOLOv8, YOLO11 and whatever else ultralytics exports for detection without NMS in the graph."""

from collections.abc import Sequence

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.not_run import refuse_known
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo, Tensor, check_floats, read_model_info


class _Yolov8:
    """Letterboxed RGB in, one output of `(1, 4 + classes, anchors)`."""

    version = 1
    task = "detect"
    codec = "shoal_worker.families.yolov8:Yolov8Codec"

    def understand(self, graph: Graph) -> ModelInfo:
        """Check metadata and shapes.

        Raises:
            ModelRefusedError: Another task, no names, an end-to-end export or shapes that do not fit the names.
        """
        refuse_known(graph)
        info = read_model_info(graph)
        check_floats(graph)
        _check_output(graph.outputs, len(info.names))
        return info


YOLOV8 = _Yolov8()


def _check_output(outputs: Sequence[Tensor], classes: int) -> None:
    if len(outputs) != 1 or len(outputs[0].shape) != 3:
        raise ModelRefusedError(
            f"Model has outputs {[list(output.shape) for output in outputs]}, "
            f"expected one (batch, 4 + classes, anchors) - {EXPORT_HINT}"
        )
    channels = outputs[0].shape[1]
    if isinstance(channels, int) and channels != 4 + classes:
        raise ModelRefusedError(
            f"Model output has {channels} channels, its {classes} names need {4 + classes} - "
            f"names and weights do not belong together; {EXPORT_HINT}"
        )
