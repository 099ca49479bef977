"""The model: an ONNX file opened with ONNX Runtime on the CPU.

One thread by default: several one-thread pods on a node do 1.6 x the work of one pod with all its cores.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from shoal.contract.errors import ModelRefusedError, ShoalError, first_line
from shoal.contract.families import Understood, check_tileable, load_codec, understand, understand_planned
from shoal.contract.job import Inference
from shoal.contract.model_file import HEAD_BYTES, describe_bytes
from shoal.contract.model_files import check_hash
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo, resolve_imgsz
from shoal.contract.tasks import TASKS
from shoal.written.model_folder import read_model
from shoal_worker.families.codec import Codec
from shoal_worker.given import Given, Tensors
from shoal_worker.image.letterbox import Image
from shoal_worker.image.tiles import Tiles
from shoal_worker.sight import Noting, Original
from shoal_worker.tasks.detect import Detections
from shoal_worker.tasks.found import Found
from shoal_worker.together import HALF_TOLERANCE, TOLERANCE, Proof, UnlikeError

log = logging.getLogger(__name__)

CROPS_AT_ONCE = 8
"""Crops of one image that a graph with an open batch is given: more save nothing on a CPU, and take memory."""

_FATAL_ONLY = 4
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_CUDA_OPTIONS = {"use_tf32": "0"}
"""By default matrices are multiplied with 10 bits of each number's 23."""

_OUT_OF_MEMORY = ("bad_alloc", "allocate memory", "out of memory")
_TOO_MANY = (*_OUT_OF_MEMORY, "ALLOC_FAILED")
"""What a GPU says where fewer images may have room; of one image it is the GPU that failed."""

_GPU_FAILED = re.compile(
    r"\b(CUDA|CUBLAS|CUDNN|CUFFT|CURAND|GPU|NVIDIA)|cuda(Error|Runtime|Driver)|cu(blas|dnn)", re.IGNORECASE
)
_GPU_WAY_OUT = "another node may run it: look at this one's GPU and driver (nvidia-smi, kubectl describe node)"

_NO_FAILURE = re.compile(r"\S*/\S*|CUDAExecutionProvider")
"""Paths of ONNX Runtime's source, and its name for a GPU, stand in what it says of models, too."""

_NO_ONNX = ("Protobuf parsing failed", "protobuf parsing failed", "No graph was found")
_SIGNATURE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:/\S+:\d+ .*\) )?")
"""What stands before ONNX Runtime's own sentence: an error number, and where in its source."""

_OLDER = f"{EXPORT_HINT} opset=17, or take a worker image with a newer ONNX Runtime than {ort.__version__}"
_KNOWN = (
    (re.compile(r"Unsupported model IR version"), f"has a newer IR version than ONNX Runtime opens here - {_OLDER}"),
    (re.compile(r"Opset \d+ is under development"), f"has a newer opset than ONNX Runtime opens here - {_OLDER}"),
    (
        re.compile(r"is not a registered function/op|No Op registered"),
        f"uses an operator that ONNX Runtime does not have, of another tool or a newer opset - {_OLDER}",
    ),
    (
        re.compile(r"Cannot parse data from external tensors"),
        "keeps shapes in another file, where ONNX Runtime does not look - write it with onnx.save(…, size_threshold=1024)",
    ),
)
"""What ONNX Runtime says of a graph that it does not open, and what helps."""


class InferenceCancelledError(Exception):
    """The running inference was ended on purpose."""


class GpuFailedError(ShoalError):
    """The GPU or its driver failed, not the model: another node, or another time, may run it."""


@dataclass(frozen=True)
class OpenedModel:
    """A model that is ready to run.

    Attributes:
        session: The ONNX Runtime session.
        graph: What the file says of itself.
        understood: What its family makes of that.
    """

    session: ort.InferenceSession
    graph: Graph
    understood: Understood

    @property
    def info(self) -> ModelInfo:
        """The part of it that inference depends on."""
        return self.understood.info

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU runs it: a build for GPUs falls back to the CPU where none answers."""
        return bool(self.session.get_providers()[0] == _CUDA)


def check_sha256(data: bytes, expected: str, key: str) -> None:
    """Check that a model file is the one the plan was made for.

    Raises:
        ConfigError: It was replaced since.
    """
    check_hash(hashlib.sha256(data).hexdigest(), expected, key)


def open_model(
    data: bytes, threads: int = 1, planned: Inference | None = None, folder: Path | None = None
) -> OpenedModel:
    """Open a model file and find its family.

    Args:
        data: The whole file.
        threads: Threads of one inference; ONNX Runtime would count the host's cores, not the pod's.
        planned: Settings of a plan, whose family it must be of; None takes any.
        folder: Where its card and its weights lie; None for a file by itself.

    Raises:
        ModelRefusedError: It is of no family that Shoal runs.
        ConfigError: The plan's family is not installed here.
        MemoryError: There is no room for it.
        GpuFailedError: A GPU is offered, and fails.
    """
    graph = read_model(data, folder)  # before ONNX Runtime does: it opens whatever other file a graph names
    options = ort.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ONNX")  # its own format would not be judged
    if folder is not None and graph.outside:
        # The bytes that were judged are opened, not the path: between the two a file may be replaced.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY
    if threads > 1:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(data, options, providers=_providers())
    except Exception as err:  # ONNX Runtime's errors share no base class but this one
        raise _explain_unopened(data, first_line(err), on_gpu=_offers_gpu()) from err
    opened = OpenedModel(session, graph, understand_planned(graph, planned.family) if planned else understand(graph))
    if _offers_gpu() and not opened.on_gpu:
        log.warning(
            "No GPU answers, the model runs on the CPU - the pod has to ask for one (cluster.pod.gpu), its node needs a driver "
            "for the CUDA of this image"
        )
    return opened


def _explain_unopened(data: bytes, message: str, *, on_gpu: bool = False) -> Exception:
    message = _SIGNATURE.sub("", message)
    if any(sign in message for sign in _OUT_OF_MEMORY):
        return MemoryError(f"no room to open the model: {message[:300]}")
    if not data or any(sign in message for sign in _NO_ONNX):
        return ModelRefusedError(describe_bytes(data[:HEAD_BYTES], len(data)))
    if on_gpu and _gpu_failed(message):
        return GpuFailedError(f"The GPU did not take the model: {message[:300]} - {_GPU_WAY_OUT}")
    for sign, sentence in _KNOWN:
        if sign.search(message):
            return ModelRefusedError(f"Model {sentence} ({message[:200]})")
    return ModelRefusedError(f"Model is not opened by ONNX Runtime {ort.__version__}: {message[:300]} - {EXPORT_HINT}")


def _gpu_failed(message: str) -> bool:
    return _GPU_FAILED.search(_NO_FAILURE.sub("", message)) is not None


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
        self._run_options.log_severity_level = _FATAL_ONLY

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
            raise self._explain(err, frames) from err
        return self._given.outputs(self._outputs, outputs, len(frames))

    def cancel(self) -> None:
        """End the running inference between two of its operations, and every later one at once."""
        self._run_options.terminate = True

    def _explain(self, err: Exception, frames: Sequence[NDArray[Any]]) -> Exception:
        if self._run_options.terminate:
            return InferenceCancelledError("inference cancelled")
        message, (height, width) = first_line(err)[:300], frames[0].shape[:2]
        no_room = _OUT_OF_MEMORY if len(frames) == 1 else _TOO_MANY
        size = f"{height}x{width} px" if len(frames) == 1 else f"{len(frames)} times {height}x{width} px"
        if isinstance(err, MemoryError) or any(sign in message for sign in no_room):
            return MemoryError(f"no room to run the model at {size}: {message}")
        if self.on_gpu and _gpu_failed(message):
            return GpuFailedError(f"The GPU did not run the model: {message} - {_GPU_WAY_OUT}")
        return ModelRefusedError(f"Model does not run on an input of {size}: {message} - {EXPORT_HINT}")


def _make_tiles(model: OpenedModel, inference: Inference) -> Tiles | None:
    if inference.tile is None:
        return None
    check_tileable(model.understood)
    return Tiles(inference.tile, inference.tile_overlap or 0.0)


def _offers_gpu() -> bool:
    """Whether this build of ONNX Runtime is one for GPUs."""
    return _CUDA in ort.get_available_providers()


def _providers() -> list[str | tuple[str, dict[str, str]]]:
    """A GPU where this build of ONNX Runtime has one to offer, and the CPU."""
    if not _offers_gpu():
        return [_CPU]
    ort.preload_dlls(directory="")  # CUDA's libraries lie in packages beside ONNX Runtime, where no loader looks
    return [(_CUDA, _CUDA_OPTIONS), _CPU]
