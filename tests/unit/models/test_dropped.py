"""Below which score a graph drops boxes is found in the graph, as ultralytics exports it and as ONNX's own operator has it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from shoal.contract.onnx_file import read_onnx
from shoal.models.dropped import Dropped, read_dropped

PARITY = Path(__file__, "../../../fixtures/parity").resolve()


def exported(conf=None, kind=np.float32):
    """A file of ultralytics with `nms=True`; `conf` replaces its own."""
    model = onnx.load(PARITY / "yolov8_nms/model.onnx")
    compared = next(node.input[1] for node in model.graph.node if node.op_type == "Greater")
    (tensor,) = [
        *(one for one in model.graph.initializer if one.name == compared),
        *(
            node.attribute[0].t
            for node in model.graph.node
            if node.op_type == "Constant" and node.output[0] == compared
        ),
    ]
    assert numpy_helper.to_array(tensor) == np.float32(0.25)
    if conf is not None:
        tensor.CopyFrom(numpy_helper.from_array(np.array(conf, kind), tensor.name))
    return model


def read(model):
    data = model.SerializeToString()
    return read_dropped(data, read_onnx(data))


@pytest.mark.parametrize(
    ("conf", "kind", "below"),
    [
        pytest.param(None, np.float32, 0.25, id="as ultralytics exports it"),
        pytest.param(0.4, np.float32, 0.4, id="with conf=0.4"),
        pytest.param(0.4, np.float16, 0.399902, id="in halves"),
        pytest.param(0.4, np.float64, 0.4, id="in doubles"),
    ],
)
def test_the_score_below_which_ultralytics_graphs_drop_is_the_one_they_compare_with(conf, kind, below):
    dropped = read(exported(conf, kind))
    assert dropped == Dropped(below)
    assert dropped.describe() == (
        f"boxes below {below:.3g} are not in the model file's answers: conf below it shows nothing more - export it with "
        "nms=False, or conf=0.05"
    )


@pytest.mark.parametrize(("conf", "kind"), [(0.05, np.float32), (0.05, np.float16), (0.001, np.float32)])
def test_a_file_that_drops_nothing_that_would_be_stored_has_nothing_to_say(conf, kind):
    assert read(exported(conf, kind)) is None


@pytest.mark.parametrize(
    "name", ["yolov8_grey", "yolo26_end_to_end", "yolo26_half", "rtdetr", "rtdetr_dynamic", "rfdetr"]
)
def test_files_without_nms_drop_nothing_though_some_compare_numbers(name):
    assert read(onnx.load(PARITY / name / "model.onnx")) is None


def test_a_file_that_says_nms_and_compares_with_nothing_known_is_in_doubt():
    model = exported()
    for node in model.graph.node:
        if node.op_type == "Greater":
            node.op_type = "Less"
    dropped = read(model)
    assert dropped == Dropped(None)
    assert "does not say below which score it drops them, ultralytics 0.25 unless told otherwise" in dropped.describe()


@pytest.mark.parametrize("given", ["constant", "weights"])
def test_the_threshold_of_onnx_s_own_operator_counts_whatever_the_words_say(given):
    threshold = numpy_helper.from_array(np.array([0.3], np.float32), "score_threshold")
    node = helper.make_node(
        "NonMaxSuppression", ["boxes", "scores", "most", "overlap", "score_threshold"], ["selected"]
    )
    constants = [helper.make_node("Constant", [], ["score_threshold"], value=threshold)]
    graph = helper.make_graph(
        [*(constants if given == "constant" else []), node],
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 9]) for name in ("boxes", "scores")],
        [helper.make_tensor_value_info("selected", TensorProto.INT64, ["n", 3])],
        [] if given == "constant" else [threshold],
    )
    assert read(helper.make_model(graph)) == Dropped(0.3)
