"""Model files made to reach further than their own bytes, or to cost much: beside each, how it does."""

from collections.abc import Callable, Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from worker.onnx_models import constant_model


def elsewhere(location: str, *, flagged: bool = True) -> TensorProto:
    """A tensor whose values lie in another file."""
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "stolen")
    tensor.ClearField("raw_data")
    entries = {"offset": "0", "location": location, "length": "16"} if location else {}
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    if flagged:
        tensor.data_location = TensorProto.EXTERNAL
    return tensor


def _graph_with(tensor: TensorProto, nodes: tuple[onnx.NodeProto, ...] = ()) -> onnx.GraphProto:
    output = helper.make_tensor_value_info("stolen", TensorProto.FLOAT, [4])
    return helper.make_graph(list(nodes), "inner", [], [output], [tensor])


def _sparse(tensor: TensorProto) -> onnx.SparseTensorProto:
    sparse = onnx.SparseTensorProto(dims=[9])
    sparse.values.CopyFrom(tensor)
    sparse.indices.CopyFrom(numpy_helper.from_array(np.arange(4)))
    return sparse


def _with_attribute(
    put: Callable[[onnx.AttributeProto, TensorProto], None],
) -> Callable[[onnx.ModelProto, TensorProto], None]:
    def change(model: onnx.ModelProto, tensor: TensorProto) -> None:
        put(model.graph.node.add(op_type="Constant", output=["unused"]).attribute.add(name="value"), tensor)

    return change


def _in_function(model: onnx.ModelProto, tensor: TensorProto) -> None:
    function = model.functions.add(name="f", domain="own")
    function.node.add(op_type="Constant", output=["unused"]).attribute.add(name="value").t.CopyFrom(tensor)


def _in_default_of_a_function(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.functions.add(name="f", domain="own").attribute_proto.add(name="a").t.CopyFrom(tensor)


def _in_branch_of_a_branch(model: onnx.ModelProto, tensor: TensorProto) -> None:
    inner = helper.make_node("If", ["c"], ["x"], then_branch=_graph_with(tensor), else_branch=_graph_with(tensor))
    outer = helper.make_node(
        "Loop", ["n", "c"], ["y"], body=_graph_with(numpy_helper.from_array(np.zeros(4)), (inner,))
    )
    model.graph.node.append(outer)


def _in_training(where: str) -> Callable[[onnx.ModelProto, TensorProto], None]:
    return lambda model, tensor: getattr(model.training_info.add(), where).CopyFrom(_graph_with(tensor))


def _in_sparse_weights(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.sparse_initializer.append(_sparse(tensor))


PLACES: dict[str, Callable[[onnx.ModelProto, TensorProto], None]] = {
    "a weight": lambda model, tensor: model.graph.initializer.append(tensor),
    "a sparse weight": _in_sparse_weights,
    "a constant": _with_attribute(lambda attribute, tensor: attribute.t.CopyFrom(tensor)),
    "one of several constants": _with_attribute(lambda attribute, tensor: attribute.tensors.append(tensor)),
    "a sparse constant": _with_attribute(lambda attribute, tensor: attribute.sparse_tensor.CopyFrom(_sparse(tensor))),
    "one of several sparse constants": _with_attribute(
        lambda attribute, tensor: attribute.sparse_tensors.append(_sparse(tensor))
    ),
    "the body of a scan": _with_attribute(lambda attribute, tensor: attribute.g.CopyFrom(_graph_with(tensor))),
    "one of several graphs": _with_attribute(lambda attribute, tensor: attribute.graphs.append(_graph_with(tensor))),
    "a branch of a branch": _in_branch_of_a_branch,
    "a function": _in_function,
    "a default of a function": _in_default_of_a_function,
    "training": _in_training("initialization"),
    "training's algorithm": _in_training("algorithm"),
}
"""Wherever a tensor can stand in a model, and how it is put there."""

LOCATIONS = ("airflow.cfg", "../secrets.txt", "/etc/passwd", "model.onnx.data", "*/_ORT_MEM_ADDR_/*")
"""Other files, the last one a word of ONNX Runtime's for a place in the process's memory."""

PLAIN = ("airflow.cfg", "model.onnx.data")
"""Those of them that may lie in a folder of the model's own."""


def reaching_models() -> Iterator[tuple[str, str, bytes]]:
    """Every place with every location, by (place, location)."""
    for place, put in PLACES.items():
        for location in LOCATIONS:
            model = onnx.load_from_string(constant_model())
            put(model, elsewhere(location))
            yield place, location, model.SerializeToString()


def field(number: int, body: bytes) -> bytes:
    """One field of protobuf that holds bytes."""
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes((value & 0x7F | 0x80,)), value >> 7
    return out + bytes((value,))


def deep(levels: int) -> bytes:
    """A graph in a graph in a graph."""
    graph = b""
    for _ in range(levels):
        graph = field(1, field(5, field(6, graph)))
    return field(7, graph)
