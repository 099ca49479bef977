import pytest

from shoal.contract.errors import ConfigError, ModelRefusedError
from shoal_worker.onnx_words import explain_failed, explain_unopened
from shoal_worker.sight import GpuFailedError


@pytest.mark.parametrize(
    "message",
    [
        "CUDA failure 100: no CUDA-capable device is detected ; GPU=0",
        "CUDA error cudaErrorECCUncorrectable:uncorrectable ECC error encountered",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
        "CUDNN failure 4: CUDNN_STATUS_INTERNAL_ERROR",
        "NVIDIA driver version is insufficient",
    ],
)
def test_a_gpu_that_fails_is_no_fault_of_the_model(message):
    full = f"[ONNXRuntimeError] : 1 : FAIL : /onnxruntime/core/x.cc:129 CudaCall {message}"
    opened = explain_unopened(b"\x08\x08", full, on_gpu=True)
    ran = explain_failed(RuntimeError(full), 1, (8, 8), on_gpu=True)
    for error in (opened, ran):
        assert isinstance(error, GpuFailedError)
        assert not isinstance(error, ConfigError)  # it is tried again
        assert "another node may run it" in str(error)
    assert isinstance(explain_unopened(b"\x08\x08", full, on_gpu=False), ModelRefusedError)
    assert isinstance(explain_failed(RuntimeError(full), 1, (8, 8), on_gpu=False), ModelRefusedError)


@pytest.mark.parametrize(
    "said",
    [
        "[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for Loop(11) node",
        "[ONNXRuntimeError] : 1 : FAIL : Node (a) of CUDAExecutionProvider has input size 3 not in range [min=1, max=2]",
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : onnxruntime/core/providers/cuda/tensor/slice.cc:9 Slice: ends out of range",
    ],
)
def test_a_model_that_a_gpu_refuses_stays_refused(said):
    assert isinstance(explain_unopened(b"\x08\x08", said, on_gpu=True), ModelRefusedError)


def test_a_gpu_without_room_for_many_images_may_have_some_for_fewer():
    full = RuntimeError("[ONNXRuntimeError] : 1 : FAIL : CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED")
    ran = explain_failed(full, 4, (8, 6), on_gpu=True)
    assert isinstance(ran, MemoryError)
    assert "no room to run the model at 4 times 8x6 px" in str(ran)
