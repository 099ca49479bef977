"""The model: an ONNX file opened with ONNX Runtime on the CPU.

One thread by default: several one-thread pods on a node do 1.6 x the work of one pod with all its cores.
"""

import hashlib
import logging
from dataclasses import dataclass

import onnxruntime as ort

from shoal.contract.errors import ConfigError, ModelRefusedError
from shoal.contract.job import Inference
from shoal.contract.model_info import EXPORT_HINT, ModelInfo, read_model_info, resolve_imgsz
from shoal_worker.image.letterbox import Image, letterbox, to_tensor
from shoal_worker.tasks.detect_nms import Detections, Thresholds, postprocess

log = logging.getLogger(__name__)

_FATAL_ONLY = 4
_OUT_OF_MEMORY = ("bad_alloc", "allocate memory", "out of memory")


class InferenceCancelledError(Exception):
    """The running inference was ended on purpose."""


@dataclass(frozen=True)
class Model:
    """An opened model.

    Attributes:
        session: The ONNX Runtime session.
        info: What the file says of itself.
        input_name: Name of its one input.
    """

    session: ort.InferenceSession
    info: ModelInfo
    input_name: str


def check_sha256(data: bytes, expected: str, key: str) -> None:
    """Check that a model file is the one the plan was made for.

    Raises:
        ConfigError: It was replaced since.
    """
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise ConfigError(
            f"Model {key} has sha256 {actual[:12]}, the plan was made for {expected[:12]} - "
            "a released version must not be replaced; upload it under a new version and plan again"
        )


def open_model(data: bytes, threads: int = 1) -> Model:
    """Open a model file and check that it is a YOLOv8 detection export.

    Args:
        data: The whole file.
        threads: Threads of one inference; ONNX Runtime would count the host's cores, not the pod's.

    Raises:
        ModelRefusedError: It is not such an export.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY
    if threads > 1:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(data, options, providers=_providers())
    except Exception as err:  # ONNX Runtime's errors share no base class but this one
        raise ModelRefusedError(
            f"Model file is not an ONNX model that ONNX Runtime {ort.__version__} opens "
            f"({len(data)} bytes, starting with {data[:8]!r}): {_first_line(err)} - {EXPORT_HINT}"
        ) from err
    return Model(session, _read_info(session), session.get_inputs()[0].name)


class Detector:
    """Finds objects in images with one model and one set of settings.

    Thread-safe but for `detect_frame`, which is one thread's; `cancel` may come from any.
    """

    def __init__(self, model: Model, inference: Inference) -> None:
        """Check that the model can run with these settings.

        Raises:
            ModelRefusedError: A static model was asked for another size or for rectangular frames.
        """
        self.info = model.info
        self.imgsz = resolve_imgsz(model.info, inference.imgsz)
        if inference.rect and model.info.fixed_hw is not None:
            raise ModelRefusedError(
                f"Model input is fixed at {self.imgsz[0]}x{self.imgsz[1]} px and cannot take rectangular frames - "
                "plan the run again, or export with dynamic=True"
            )
        self._rect = inference.rect
        self._thresholds = Thresholds(inference.stored_conf, inference.iou, inference.max_det)
        self._session = model.session
        self._input_name = model.input_name
        self._run_options = ort.RunOptions()
        self._run_options.log_severity_level = _FATAL_ONLY

    def detect(self, image: Image) -> Detections:
        """Find the objects in one image, `(H, W, 3)` uint8 BGR; boxes are in its pixels."""
        return self.detect_frame(self.frame(image), image.shape[:2])

    def frame(self, image: Image) -> Image:
        """Letterbox an image for this model; all that inference needs of it, and never larger than imgsz."""
        return letterbox(image, self.imgsz, rect=self._rect, stride=self.info.stride)

    def detect_frame(self, frame: Image, image_hw: tuple[int, int]) -> Detections:
        """Run the model on a letterboxed image.

        Args:
            frame: What `frame` returned.
            image_hw: (height, width) of the original image in pixels.

        Raises:
            InferenceCancelledError: `cancel` was called.
            MemoryError: There was no room for the model's intermediate results.
            ModelRefusedError: The model does not run on this frame.
        """
        try:
            (output,) = self._session.run(None, {self._input_name: to_tensor(frame)}, self._run_options)
        except Exception as err:  # ONNX Runtime's errors share no base class but this one
            raise self._explain(err, frame) from err
        expected = 4 + len(self.info.names)
        if output.shape[:2] != (1, expected):
            raise ModelRefusedError(
                f"Model output has shape {list(output.shape)}, its {len(self.info.names)} names need "
                f"[1, {expected}, anchors] - names and weights do not belong together; {EXPORT_HINT}"
            )
        return postprocess(output[0], frame.shape[:2], image_hw, self._thresholds)

    def cancel(self) -> None:
        """End the running inference between two of its operations, and every later one at once."""
        self._run_options.terminate = True

    def _explain(self, err: Exception, frame: Image) -> Exception:
        if self._run_options.terminate:
            return InferenceCancelledError("inference cancelled")
        message = _first_line(err)
        if isinstance(err, MemoryError) or any(sign in message for sign in _OUT_OF_MEMORY):
            return MemoryError(f"no room to run the model at {frame.shape[0]}x{frame.shape[1]} px: {message}")
        return ModelRefusedError(
            f"Model does not run on an input of {frame.shape[0]}x{frame.shape[1]} px: {message} - {EXPORT_HINT}"
        )


def _providers() -> list[str]:
    """A GPU where this build of ONNX Runtime has one to offer, and the CPU."""
    return [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in ort.get_available_providers()]


def _read_info(session: ort.InferenceSession) -> ModelInfo:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    info = read_model_info(
        session.get_modelmeta().custom_metadata_map,
        inputs[0].shape if inputs else [],
        [output.shape for output in outputs],
    )
    for tensor in (inputs[0], outputs[0]):
        if tensor.type != "tensor(float)":
            raise ModelRefusedError(
                f"Model {tensor.name} is {tensor.type}, Shoal runs tensor(float) - export without half=True or int8=True"
            )
    batch = inputs[0].shape[0]
    if isinstance(batch, int) and batch != 1:
        raise ModelRefusedError(f"Model takes {batch} images at once, Shoal gives it 1 - export with batch=1")
    return info


def _first_line(err: Exception) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0][:300]
