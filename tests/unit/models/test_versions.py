"""A model file is judged once: what a plan takes its workers open, and what they would refuse is not planned."""

import onnx
import pytest

from shoal.contract.errors import ModelRefusedError
from shoal.models.inspect import inspect_model
from shoal_worker.session import open_model
from worker.onnx_models import constant_model, grid_model


@pytest.fixture
def inspect(tmp_path):
    def inspected(data):
        (tmp_path / "model.onnx").write_bytes(data)
        return inspect_model(tmp_path / "model.onnx")

    return inspected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(constant_model(), id="every side free"),
        pytest.param(constant_model(hw=(640, 640), anchors=1, batch=1), id="every side fixed"),
        pytest.param(grid_model(channels="channels"), id="channels without a number"),
    ],
)
def test_plan_and_worker_read_the_same_of_a_file(inspect, data):
    opened = open_model(data)
    assert inspect(data).info == opened.info
    assert inspect(data).family is opened.understood.family


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"metadata": {"task": "segment"}}, id="another task"),
        pytest.param({"metadata": {"names": None}}, id="no names"),
        pytest.param({"metadata": {"names": "{0: 'fish'}"}}, id="names that do not fit"),
    ],
)
def test_plan_and_worker_refuse_a_file_in_the_same_words(inspect, how):
    data = constant_model(**how)
    with pytest.raises(ModelRefusedError) as planned:
        inspect(data)
    with pytest.raises(ModelRefusedError) as opened:
        open_model(data)
    assert str(planned.value) == str(opened.value)


def test_a_type_that_no_release_of_onnx_knows_is_refused_by_its_number(inspect):
    model = onnx.load_from_string(constant_model())
    model.graph.input[0].type.tensor_type.elem_type = 77
    with pytest.raises(ModelRefusedError, match=r"tensor\(type 77\)"):
        inspect(model.SerializeToString())
