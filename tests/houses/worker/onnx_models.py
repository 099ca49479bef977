"""Small ONNX models with the inputs, outputs and metadata of a YOLOv8 detection export."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NAMES = {0: "Diplodus vulgaris", 1: "Chromis chromis"}


def finished(nodes, initializers, *, hw=("height", "width"), anchors="anchors", metadata=None, **kinds) -> bytes:
    """Wrap nodes that turn `images` into `output0`, as bytes; metadata entries of None are left out."""
    channels = kinds.get("channels", 4 + len(NAMES))
    image_type = kinds.get("image_type", TensorProto.FLOAT)
    images = helper.make_tensor_value_info(
        "images", image_type, [kinds.get("batch", "batch"), kinds.get("colours", 3), *hw]
    )
    output = helper.make_tensor_value_info("output0", image_type, [kinds.get("batch", "batch"), channels, anchors])
    graph = helper.make_graph(nodes, "small", [images], [output], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    properties = {"names": repr(NAMES), "stride": "32", "task": "detect", "imgsz": "[640, 640]"} | (metadata or {})
    helper.set_model_props(model, {key: value for key, value in properties.items() if value is not None})
    return model.SerializeToString()


def apart(data: bytes, name: str = "model.onnx.data") -> tuple[bytes, bytes]:
    """The graph and the weights of a model in two files, as exporters write those of more than 2 GB."""
    model, weights = onnx.load_from_string(data), b""
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) < 50:  # ONNX Runtime looks for shapes in the graph alone
            continue
        for key, value in (("location", name), ("offset", len(weights)), ("length", len(tensor.raw_data))):
            tensor.external_data.add(key=key, value=str(value))
        weights += tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
    return model.SerializeToString(), weights


def constant_model(boxes=((320, 320, 64, 32, 0.9, 0.1),), **how) -> bytes:
    """Answer every image with the same boxes: (centre x, centre y, width, height, class scores …) each."""
    prediction = np.array(boxes, np.float32).T[None]
    dtype = np.float16 if how.get("image_type") == TensorProto.FLOAT16 else np.float32
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Squeeze", ["mean", "last"], ["mean3"]),
        helper.make_node("Mul", ["mean3", "zero"], ["nothing"]),  # the image takes part, with no weight
        helper.make_node("Add", ["nothing", "prediction"], ["output0"]),
    ]
    values = {"last": np.array([3], np.int64), "zero": dtype(0), "prediction": prediction.astype(dtype)}
    return finished(nodes, [numpy_helper.from_array(np.asarray(v), k) for k, v in values.items()], **how)


def grid_model(shape=(0, 6, -1), **how) -> bytes:
    """Answer with the same box for every 32 px cell of the input; `shape` is that of the output."""
    nodes = [
        helper.make_node("AveragePool", ["images"], ["cells"], kernel_shape=[32, 32], strides=[32, 32]),
        helper.make_node("Conv", ["cells", "weights", "bias"], ["maps"]),
        helper.make_node("Reshape", ["maps", "shape"], ["output0"]),
    ]
    channels = 4 + len(NAMES)
    values = {
        "weights": np.zeros((channels, 3, 1, 1), np.float32),
        "bias": np.array([16, 16, 8, 8, 0.5, 0], np.float32),
        "shape": np.array(shape, np.int64),
    }
    return finished(nodes, [numpy_helper.from_array(v, k) for k, v in values.items()], **how)


def slow_on_white(iterations=2_000_000_000) -> bytes:
    """Answer dark images at once and white ones never, by a loop of small steps: can be cancelled between them."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["condition"], ["again"]), helper.make_node("Add", ["sum", "one"], ["next"])],
        "step",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("condition", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [1]),
        ],
        [numpy_helper.from_array(np.array([1e-9], np.float32), "one")],
    )
    return _with_delay(
        [
            helper.make_node("Mul", ["is_white", "iterations"], ["times"]),
            helper.make_node("Cast", ["times"], ["trips"], to=TensorProto.INT64),
            helper.make_node("Loop", ["trips", "go", "first"], ["delay"], body=body),
        ],
        {"iterations": np.float32(iterations), "go": np.array(True), "first": np.zeros(1, np.float32)},
    )


def stubborn_on_white(side=9000) -> bytes:
    """Answer dark images at once and white ones after one huge multiplication, which nothing can end half-way."""
    return _with_delay(
        [
            helper.make_node("Mul", ["is_white", "side"], ["wanted"]),
            helper.make_node("Add", ["wanted", "ones"], ["sides"]),
            helper.make_node("Cast", ["sides"], ["square"], to=TensorProto.INT64),
            helper.make_node("Expand", ["is_white", "square"], ["matrix"]),
            helper.make_node("MatMul", ["matrix", "matrix"], ["delay"]),
        ],
        {"side": np.float32(side), "ones": np.ones(2, np.float32)},
    )


def crash_on_white(*, always=False) -> bytes:
    """Answer dark images at once and crash the process on white ones: the one quotient of integers that a CPU refuses."""
    return _with_delay(
        [
            helper.make_node("Mul", ["is_white", "minus_two"], ["below"]),
            helper.make_node("Add", ["below", "start"], ["one_or_minus_one"]),
            helper.make_node("Cast", ["one_or_minus_one"], ["divisor"], to=TensorProto.INT64),
            helper.make_node("Div", ["lowest", "divisor"], ["quotient"]),
            helper.make_node("Cast", ["quotient"], ["delay"], to=TensorProto.FLOAT),
        ],
        {
            "minus_two": np.float32(0 if always else -2),
            "start": np.float32(-1 if always else 1),
            "lowest": np.array([-(2**63)], np.int64),
        },
    )


def hungry_on_white(gigabytes=8) -> bytes:
    """Answer dark images at once and fill so much memory on white ones."""
    values = gigabytes * 1024**3 / 4
    return _with_delay(
        [
            helper.make_node("Mul", ["is_white", "values"], ["wanted"]),
            helper.make_node("Add", ["wanted", "ones"], ["sides"]),
            helper.make_node("Cast", ["sides"], ["shape"], to=TensorProto.INT64),
            helper.make_node("Expand", ["is_white", "shape"], ["delay"]),
        ],
        {"values": np.float32(values), "ones": np.ones(1, np.float32)},
    )


def _with_delay(nodes, values) -> bytes:
    """One constant box per image, once the nodes made `delay` of `is_white` (1.0 where a channel is at its full)."""
    prediction = np.array([[320, 320, 64, 32, 0.9, 0.1]], np.float32).T[None]
    values = values | {"zero": np.float32(0), "prediction": prediction}
    nodes = [
        helper.make_node("ReduceMax", ["images"], ["brightest"], keepdims=0),
        helper.make_node("Floor", ["brightest"], ["is_white"]),
        *nodes,
        helper.make_node("ReduceMean", ["delay"], ["late"], keepdims=0),
        helper.make_node("Mul", ["late", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "prediction"], ["constant"]),
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["void"]),
        helper.make_node("Add", ["void", "constant"], ["output0"]),
    ]
    return finished(nodes, [numpy_helper.from_array(np.asarray(v), k) for k, v in values.items()])
