"""Boxes with key points: YOLOv8, YOLO11 and YOLO26 pose as ultralytics exports it, raw, end to end or with NMS inside."""

from dataclasses import replace

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.box_outputs import BoxOutput, find_boxes, need_task
from shoal.contract.flat_text import Pairs, UnreadableError, read_flat
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo, Resize, check_floats, read_model_info

MOST_POINTS = 500
"""Key points of a box: people have 17, whole bodies 133, faces 468."""


def find_outputs(graph: Graph, info: ModelInfo) -> BoxOutput:
    """Find the boxes.

    Args:
        graph: The file.
        info: With `keypoints`.

    Raises:
        ModelRefusedError: They do not fit names and key points.
    """
    points, values = info.keypoints or (0, 0)
    return find_boxes(graph, len(info.names), points * values, f"{points} key points of {values} values")


class _Pose:
    """Letterboxed RGB in, boxes with key points out."""

    version = 1
    task = "pose"
    codec = "shoal_worker.families.pose:PoseCodec"
    roles = ("boxes",)

    def understand(self, graph: Graph) -> ModelInfo:
        """Check metadata and shapes.

        Raises:
            NotOfFamilyError: It is for another task.
            ModelRefusedError: No names, no shape of the key points, or outputs that do not fit them.
        """
        need_task(graph, self.task)
        check_floats(graph)
        info = replace(
            read_model_info(graph),
            resize=Resize.LETTERBOX,
            keypoints=_read_kpt_shape(graph.metadata.get("kpt_shape")),
        )
        find_outputs(graph, info)
        return info


POSE = _Pose()


def _read_kpt_shape(text: str | None) -> tuple[int, int]:
    """Read (key points, values of each): 2 are x and y, 3 a visibility too."""
    try:
        value = read_flat(text or "")
    except UnreadableError:
        value = None
    if isinstance(value, tuple) and not isinstance(value, Pairs) and len(value) == 2:
        points, values = value
        if type(points) is int and 1 <= points <= MOST_POINTS and values in {2, 3} and type(values) is int:
            return points, values
    raise ModelRefusedError(
        f"Model metadata has kpt_shape {str(text)[:60]!r}, expected [key points, 2 or 3] with up to {MOST_POINTS} - {EXPORT_HINT}"
    )
