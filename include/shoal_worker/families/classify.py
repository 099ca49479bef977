"""The worker's half for classifiers."""

from collections.abc import Mapping

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.classify import find_scores
from shoal.contract.families.layouts import check_one_image
from shoal.contract.inference import Inference
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo, Resize
from shoal_worker.families.codec import Floats
from shoal_worker.families.probabilities import check_probabilities
from shoal_worker.image.centre_crop import centre_crop
from shoal_worker.image.letterbox import Image, to_tensor
from shoal_worker.tasks.classify import Scores


class ClassifyCodec:
    """The middle of an image in, its probabilities out."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        self._input = graph.inputs[0].name
        self._output = find_scores(graph, len(info.names)).name
        self._classes = len(info.names)
        self._info = info
        self._imgsz = inference.imgsz

    def frame(self, image: Image) -> Image:
        """Cut the middle out, or squeeze all of it in."""
        return centre_crop(image, self._imgsz, whole=self._info.resize is Resize.STRETCH)

    def tensors(self, frame: Image) -> Mapping[str, Floats]:
        """Make the one input: RGB in 0..1, normalised where a card says so."""
        return {self._input: to_tensor(frame, self._info.mean, self._info.std)}

    def found(self, outputs: Mapping[str, Floats], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Scores:  # noqa: ARG002 - no places
        """Take the probabilities.

        Raises:
            ModelRefusedError: There are not as many as names, or they are none.
        """
        scores = outputs[self._output]
        check_one_image(scores.shape)
        if scores.shape != (1, self._classes):
            raise ModelRefusedError(
                f"Model output has shape {list(scores.shape)}, its {self._classes} names need [1, {self._classes}] - "
                f"names and weights do not belong together; {EXPORT_HINT}"
            )
        check_probabilities(scores)
        return Scores(scores[0])
