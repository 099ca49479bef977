import hashlib

import pytest

from shoal.contract.errors import ConfigError, ModelRefusedError
from shoal_worker import session
from shoal_worker.session import check_sha256, open_model
from worker.onnx_models import constant_model


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(
            b"", "Model file of 0 bytes is empty: its upload failed - upload the model itself again", id="an empty file"
        ),
        pytest.param(
            b"PK\x03\x04" + bytes(99), "is a ZIP archive, as PyTorch's .pt files are .*not best.pt", id="a .pt"
        ),
        pytest.param(
            constant_model(metadata={"task": "depth"}),
            "Model has task 'depth', Shoal runs .*'detect'.* - use a model for one of these",
            id="another task",
        ),
        pytest.param(constant_model(metadata={"task": None}), "Model has task None", id="no ultralytics export"),
        pytest.param(constant_model(metadata={"names": None}), "Model metadata has no class names", id="no names"),
        pytest.param(
            constant_model(metadata={"names": "{0: 'fish'}"}),
            "Model output has 6 channels, its 1 names need 5 - names and weights do not belong together",
            id="names that do not fit the output",
        ),
    ],
)
def test_a_model_is_refused_in_one_line(data, message):
    with pytest.raises(ModelRefusedError, match=message) as caught:
        open_model(data)
    assert "\n" not in str(caught.value)


def test_a_gpu_computes_in_whole_floats(monkeypatch):
    monkeypatch.setattr(session, "_offers_gpu", lambda: True)
    monkeypatch.setattr(session.ort, "preload_dlls", lambda directory: None)
    assert session._providers() == [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]


def test_a_replaced_model_file_is_refused():
    data = constant_model()
    check_sha256(data, hashlib.sha256(data).hexdigest(), "m.onnx")
    expected = f"Model m.onnx has sha256 {hashlib.sha256(data).hexdigest()[:12]}, the plan was made for {'0' * 12} - "
    with pytest.raises(ConfigError, match=expected):
        check_sha256(data, "0" * 64, "m.onnx")
