"""The way in of models that see letterboxed images."""

from collections.abc import Mapping

from shoal.contract.job import Inference
from shoal.contract.model_info import Graph, ModelInfo
from shoal_worker.families.codec import Floats
from shoal_worker.families.framing import Framing
from shoal_worker.families.nms import Thresholds
from shoal_worker.image.letterbox import Image, to_tensor


class Letterboxed:
    """Half of a codec; its heirs read the outputs."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        self._input = graph.inputs[0].name
        self._info = info
        self._framing = Framing(info, inference)
        self._thresholds = Thresholds(inference.stored_conf, inference.iou, inference.max_det)

    def frame(self, image: Image) -> Image:
        """Letterbox an image."""
        return self._framing.frame(image)

    def tensors(self, frame: Image) -> Mapping[str, Floats]:
        """Make the one input: RGB in 0..1, normalised where a card says so."""
        return {self._input: to_tensor(frame, self._info.mean, self._info.std)}
