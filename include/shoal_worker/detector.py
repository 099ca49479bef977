"""The model as a `Sight`: what it sees in an image, in several at once, and in parts of one."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from typing import Any, cast

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families import check_tileable, load_codec
from shoal.contract.inference import Inference
from shoal.contract.model_info import resolve_imgsz
from shoal.contract.tasks import TASKS
from shoal_worker.families.codec import Codec
from shoal_worker.given import Given, Tensors
from shoal_worker.image.letterbox import Image
from shoal_worker.image.tiles import Tiles
from shoal_worker.onnx_words import explain_failed
from shoal_worker.session import FATAL_ONLY, OpenedModel
from shoal_worker.sight import InferenceCancelledError, Noting, Original
from shoal_worker.tasks.detect import Detections
from shoal_worker.tasks.found import Found
from shoal_worker.together import HALF_TOLERANCE, TOLERANCE, Proof, UnlikeError

log = logging.getLogger(__name__)

CROPS_AT_ONCE = 8
"""Crops of one image that a graph with an open batch is given: more save nothing on a CPU, and take memory."""


class Detector:
    """Finds what images show with one model and one set of settings.

    Thread-safe but for `detect_frame` and `detect_frames`, which are one thread's; `cancel` may come from any.
    """

    keeps_bytes = False
    limit_s: float | None = None
    start_limit_s: float | None = None

    def __init__(self, model: OpenedModel, inference: Inference) -> None:
        """Check that the model can run with these settings.

        Raises:
            ModelRefusedError: A static model was asked for another size or for rectangular frames.
        """
        self.info = model.info
        self.on_gpu = model.on_gpu
        self.task = TASKS[model.understood.family.task]
        self.imgsz = resolve_imgsz(model.info, inference.imgsz)
        if inference.rect and model.info.fixed_hw is not None:
            raise ModelRefusedError(
                f"Model input is fixed at {self.imgsz[0]}x{self.imgsz[1]} px and cannot take rectangular frames - "
                "plan the run again, or export with dynamic=True"
            )
        self._codec: Codec = load_codec(model.understood)(model.graph, model.info, inference)
        self._tiles = _make_tiles(model, inference)
        self._max_det = inference.max_det
        self._given = Given(model.graph)
        halves = any(tensor.type == "tensor(float16)" for tensor in model.graph.inputs)
        self._proof = Proof(HALF_TOLERANCE if halves else TOLERANCE)
        self._crops_at_once = min(CROPS_AT_ONCE, self._given.most or CROPS_AT_ONCE)
        self._session = model.session
        self._outputs = [output.name for output in model.graph.outputs]
        self._run_options = ort.RunOptions()
        self._run_options.log_severity_level = FATAL_ONLY

    def detect(self, image: Image) -> Found:
        """Find what one image shows, `(H, W, 3)` uint8 BGR; places are in its pixels."""
        return self.detect_frame(self.frame(image), image.shape[:2])

    @property
    def names(self) -> Sequence[str]:
        """Names of the model's classes."""
        return self.info.names

    def await_ready(self) -> None:
        """Nothing has to be waited for."""

    def end(self) -> None:
        """Nothing was started."""

    @property
    def keeps_image(self) -> bool:
        """Whether a frame is the image itself, which is cut only when it is looked at."""
        return self._tiles is not None

    def frame(self, image: Image, original: Original | None = None) -> NDArray[Any]:  # noqa: ARG002 - its pixels do
        """Bring an image to the model's size, in grey for a model of one channel; all that inference needs of it."""
        return image if self._tiles else self._fit(image)

    @property
    def most_at_once(self) -> int | None:
        """Images that one inference takes; None where that is open. What is cut into tiles is looked at by itself."""
        return 1 if self._tiles is not None else self._given.most

    @property
    def proof_s(self) -> float:
        """Seconds in which frames of batches were looked at alone, too, so far."""
        return self._proof.seconds

    def tensors(self, *frames: NDArray[Any]) -> Tensors:
        """Make the model's inputs of frames of one size, by name, as the graph takes them."""
        return self._given.inputs([self._codec.tensors(frame) for frame in frames])

    def detect_frame(self, frame: NDArray[Any], image_hw: tuple[int, int], noting: Noting = nullcontext) -> Found:
        """Run the model on a frame.

        Args:
            frame: What `frame` returned.
            image_hw: (height, width) of the original image in pixels.
            noting: Entered around each look: an image in tiles is looked at many times, and each time has a limit of its own.

        Raises:
            InferenceCancelledError: `cancel` was called.
            MemoryError: There was no room for the model's intermediate results.
            GpuFailedError: The GPU failed, not the model.
            ModelRefusedError: The model does not run on this frame.
        """
        if self._tiles is None:
            with noting():
                return self._run(frame, image_hw)

        def look(tile: Image) -> Detections:
            with noting():
                return cast(Detections, self._run(self._fit(tile), tile.shape[:2]))  # see `check_tileable`

        return self._tiles.detect(frame, look, self._max_det)

    def detect_frames(self, frames: Sequence[NDArray[Any]], images_hw: Sequence[tuple[int, int]]) -> list[Found]:
        """Run the model once on several frames of one size, and find in each what it shows alone.

        Until a place of the batch has proved that, its frame is looked at alone as well, and that counts.

        Args:
            frames: What `frame` returned.
            images_hw: (height, width) of the original images in pixels.

        Raises:
            UnlikeError: The graph answers images together otherwise than alone.
            InferenceCancelledError, MemoryError, GpuFailedError, ModelRefusedError: As `detect_frame`, of all of them.
        """
        together = self._infer(frames)
        settled = self._proof.settle(together, lambda place: self._infer([frames[place]])[0])
        return [
            self._codec.found(outputs, frame.shape[:2], image_hw)
            for outputs, frame, image_hw in zip(settled, frames, images_hw, strict=True)
        ]

    def detect_each(self, images: Iterable[Image], noting: Noting = nullcontext) -> Iterator[Found]:
        """Find what each of several images shows, as many at once as the graph takes; all are fitted to one size.

        Raises:
            As `detect_frame`.
        """
        left, waiting = iter(images), list[Image]()
        while waiting := [*waiting, *islice(left, max(0, self._crops_at_once - len(waiting)))]:
            some, waiting = waiting[: self._crops_at_once], waiting[self._crops_at_once :]
            frames, images_hw = [self._fit(image) for image in some], [image.shape[:2] for image in some]
            if len(frames) > 1:
                try:
                    with noting():
                        found = self.detect_frames(frames, images_hw)
                    yield from found
                    continue
                except MemoryError as err:  # fewer may have room
                    self._crops_at_once = len(some) // 2
                    log.warning("No more than %d crops go together from now on: %s", self._crops_at_once, err)
                    waiting = [*some, *waiting]
                    continue
                except (ModelRefusedError, UnlikeError) as err:  # some graphs promise to take several, and do not
                    log.warning("Crops go one by one: %s", err)
                    self._crops_at_once = 1
            for frame, image_hw in zip(frames, images_hw, strict=True):
                with noting():
                    alone = self._run(frame, image_hw)
                yield alone

    def rehearse(self, frame: NDArray[Any]) -> None:
        """Nothing: an image that is rehearsed goes through the model."""

    def _fit(self, image: Image) -> NDArray[Any]:
        if self.info.channels == 1:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        return self._codec.frame(image)

    def _run(self, frame: NDArray[Any], image_hw: tuple[int, int]) -> Found:
        (outputs,) = self._infer([frame])
        return self._codec.found(outputs, frame.shape[:2], image_hw)

    def _infer(self, frames: Sequence[NDArray[Any]]) -> list[dict[str, NDArray[Any]]]:
        try:
            outputs = self._session.run(self._outputs, dict(self.tensors(*frames)), self._run_options)
        except Exception as err:  # ONNX Runtime's errors share no base class but this one
            if self._run_options.terminate:
                raise InferenceCancelledError("inference cancelled") from err
            raise explain_failed(err, len(frames), frames[0].shape[:2], on_gpu=self.on_gpu) from err
        return self._given.outputs(self._outputs, outputs, len(frames))

    def cancel(self) -> None:
        """End the running inference between two of its operations, and every later one at once."""
        self._run_options.terminate = True


def _make_tiles(model: OpenedModel, inference: Inference) -> Tiles | None:
    if inference.tile is None:
        return None
    check_tileable(model.understood)
    return Tiles(inference.tile, inference.tile_overlap or 0.0)
