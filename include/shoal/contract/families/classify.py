"""Classifiers of ultralytics (YOLOv8, YOLO11, YOLO26): the middle of an image in, a probability for each class out."""

from dataclasses import replace

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.box_outputs import find_output, need_task
from shoal.contract.families.layouts import shapes
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo, Resize, Tensor, check_floats, read_model_info


def find_scores(graph: Graph, classes: int) -> Tensor:
    """Find the probabilities.

    Raises:
        ModelRefusedError: There are none, or not as many as names.
    """
    scores = find_output(graph, "scores", 2)
    if scores is None or len(scores.shape) != 2:
        raise ModelRefusedError(
            f"Model is a classifier and has outputs {shapes(graph)}, expected (batch, {classes}) - {EXPORT_HINT}"
        )
    if isinstance(scores.shape[1], int) and scores.shape[1] != classes:
        raise ModelRefusedError(
            f"Model gives {scores.shape[1]} scores and names {classes} classes - names and weights do not belong together; "
            f"{EXPORT_HINT}"
        )
    return scores


class _Classify:
    """The shorter side to that of the input and the middle of it, RGB in; `(1, classes)` out."""

    version = 1
    task = "classify"
    codec = "shoal_worker.families.classify:ClassifyCodec"
    roles = ("scores",)

    def understand(self, graph: Graph) -> ModelInfo:
        """Check metadata and shapes.

        Raises:
            NotOfFamilyError: It is for another task.
            ModelRefusedError: No names, or shapes that do not fit them.
        """
        need_task(graph, self.task)
        check_floats(graph)
        info = read_model_info(graph, Resize.CENTRE_CROP)
        if info.resize is Resize.LETTERBOX:
            info = replace(info, resize=Resize.CENTRE_CROP)
        if info.channels != 3:
            raise ModelRefusedError(
                f"Model is a classifier of images of {info.channels} channel, Shoal gives it 3 (RGB) - "
                "train it with channels: 3 in data.yaml, and export it again"
            )
        find_scores(graph, len(info.names))
        return info


CLASSIFY = _Classify()
