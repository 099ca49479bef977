"""A classifier that needs no training: it tells fish of the demo's scenes by their colour, as a real graph of ONNX."""

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

SIDE = 64
PAINTED = {
    "Diplodus vulgaris": (250, 200, 175),
    "Chromis chromis": (130, 50, 165),
    "Coris julis": (240, 100, 35),
}
"""Colours of `scenes`."""


def colour_classifier(
    colours: Mapping[str, Sequence[float]],
    *,
    sharpness: float = 60.0,
    batch: int | str = "batch",
    half_grey: bool = True,
    shares: bool = True,
) -> bytes:
    """Build a classifier: the share of pixels that have the colour of each class, sharpened, as a softmax.

    Args:
        colours: RGB by class name; classes of one colour share what there is of it.
        sharpness: How sure it is of a small share.
        batch: Images that it takes at once.
        shares: Whether scores are shares of one whole, as of a softmax, or each class has its own, as of a sigmoid.
        half_grey: Whether what has none of the colours is spread over all classes.
    """
    rgb = np.array(list(colours.values()), np.float32) / 255
    values = {
        "weights": (-2 * rgb)[:, :, None, None],
        "bias": (rgb**2).sum(axis=1),
        "axis": np.array([1], np.int64),
        "reach": np.float32((50 / 255) ** 2),
        "sharpness": np.float32(sharpness),
        "drift": np.linspace(0, 1e-3 if half_grey else 0, len(rgb), dtype=np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["images", "weights", "bias"], ["projected"]),
        helper.make_node("Mul", ["images", "images"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "axis"], ["norm"], keepdims=1),
        helper.make_node("Add", ["projected", "norm"], ["distance"]),
        helper.make_node("Less", ["distance", "reach"], ["near"]),
        helper.make_node("Cast", ["near"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("GlobalAveragePool", ["mask"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["shares"]),
        helper.make_node("Mul", ["shares", "sharpness"], ["scaled"]),
        helper.make_node("Add", ["scaled", "drift"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["output0"], axis=1)
        if shares
        else helper.make_node("Sigmoid", ["logits"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [batch, len(rgb)])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    told = {"task": "classify", "imgsz": str([SIDE, SIDE]), "stride": "1", "names": str(dict(enumerate(colours)))}
    helper.set_model_props(model, told)
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
