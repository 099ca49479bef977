"""Image to frame and boxes back, for families that ultralytics runs: a letterbox, or stretched where a card says so."""

from collections.abc import Mapping
from dataclasses import dataclass

from shoal.contract.inference import Inference
from shoal.contract.model_info import Graph, ModelInfo, Resize
from shoal_worker.families.codec import Floats
from shoal_worker.image.letterbox import Image, letterbox, to_original, to_tensor
from shoal_worker.image.stretch import stretch, stretch_back


@dataclass(frozen=True)
class Framing:
    """How one model's images are brought to its size.

    Attributes:
        info: What its file says.
        inference: The plan's settings.
    """

    info: ModelInfo
    inference: Inference

    def frame(self, image: Image) -> Image:
        """Bring an image to the model's size."""
        if self.info.resize is Resize.LETTERBOX:
            return letterbox(image, self.inference.imgsz, rect=self.inference.rect, stride=self.info.stride)
        return stretch(image, self.inference.imgsz)

    def to_image(self, xyxy: Floats, frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Floats:
        """Bring boxes in pixels of the frame back into the image, clipped to it."""
        back = to_original if self.info.resize is Resize.LETTERBOX else stretch_back
        return back(xyxy, frame_hw, image_hw)


class Framed:
    """Half of a codec, the way in of models that see the whole of an image; its heirs read the outputs."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        self._input = graph.inputs[0].name
        self._info = info
        self._inference = inference
        self._framing = Framing(info, inference)

    def frame(self, image: Image) -> Image:
        """Letterbox an image, or stretch it."""
        return self._framing.frame(image)

    def tensors(self, frame: Image) -> Mapping[str, Floats]:
        """Make the one input: RGB in 0..1, normalised where a card says so."""
        return {self._input: to_tensor(frame, self._info.mean, self._info.std)}
