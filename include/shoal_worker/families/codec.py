"""The worker's half of a model family; the other half is `shoal.contract.families.family.Family`, which names it.

Pure numpy, OpenCV and Pillow: it knows nothing of files, rows, stores or ONNX Runtime, and reads no clock.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.contract.inference import Inference
from shoal.contract.model_info import Graph, ModelInfo
from shoal_worker.image.letterbox import Image
from shoal_worker.tasks.found import Found

Floats = NDArray[np.float32]


class Codec(Protocol):
    """Between images and one model under one set of settings; `frame` is thread-safe."""

    def __init__(self, graph: Graph, info: ModelInfo, inference: Inference) -> None:
        """Take what the family understood of the model, and what the plan says."""

    def frame(self, image: Image) -> NDArray[Any]:
        """Bring an image to the model's size: what waits in memory for the model, and never larger than `imgsz`.

        Args:
            image: `(h, w, 3)` uint8 BGR, or `(h, w)` where the model takes grey.

        Returns:
            `(height, width, …)`.
        """
        ...

    def tensors(self, frame: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Make the model's inputs of one frame, by name; halves and fixed batches are the session's affair."""
        ...

    def found(self, outputs: Mapping[str, NDArray[Any]], frame_hw: tuple[int, int], image_hw: tuple[int, int]) -> Found:
        """Read the model's outputs.

        Args:
            outputs: Those of this image, by name; halves are floats by then.
            frame_hw: (height, width) of the frame in pixels; with `image_hw` it says how `frame` came about.
            image_hw: (height, width) of the original image in pixels, in which places are wanted.

        Raises:
            ModelRefusedError: The outputs are not what the file promised.
        """
        ...
