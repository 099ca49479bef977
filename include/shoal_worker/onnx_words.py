"""What ONNX Runtime says where it opens or runs no model, read for whose fault that is: the model's, the GPU's, or no room."""

import re

import onnxruntime as ort

from shoal.contract.errors import ModelRefusedError, first_line
from shoal.contract.model_file import HEAD_BYTES, describe_bytes
from shoal.contract.model_info import EXPORT_HINT
from shoal_worker.sight import GpuFailedError

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


def explain_unopened(data: bytes, message: str, *, on_gpu: bool = False) -> Exception:
    """Make the error of a model file that was not opened.

    Args:
        data: The whole file.
        message: What ONNX Runtime said.
        on_gpu: Whether a GPU was offered.
    """
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


def explain_failed(err: Exception, images: int, hw: tuple[int, int], *, on_gpu: bool) -> Exception:
    """Make the error of a model that did not run.

    Args:
        err: What ONNX Runtime raised.
        images: How many it was given together.
        hw: (height, width) of their frames in pixels.
        on_gpu: Whether a GPU ran it.
    """
    message, (height, width) = first_line(err)[:300], hw
    no_room = _OUT_OF_MEMORY if images == 1 else _TOO_MANY
    size = f"{height}x{width} px" if images == 1 else f"{images} times {height}x{width} px"
    if isinstance(err, MemoryError) or any(sign in message for sign in no_room):
        return MemoryError(f"no room to run the model at {size}: {message}")
    if on_gpu and _gpu_failed(message):
        return GpuFailedError(f"The GPU did not run the model: {message} - {_GPU_WAY_OUT}")
    return ModelRefusedError(f"Model does not run on an input of {size}: {message} - {EXPORT_HINT}")


def _gpu_failed(message: str) -> bool:
    return _GPU_FAILED.search(_NO_FAILURE.sub("", message)) is not None
