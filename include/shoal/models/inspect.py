"""What an ONNX file says of itself, read without running it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families import Understood, understand
from shoal.contract.model_file import HEAD_BYTES, describe_bytes, weights_elsewhere
from shoal.contract.model_info import EXPORT_HINT, Graph, Tensor

if TYPE_CHECKING:
    import onnx


def inspect_model(path: Path) -> Understood:
    """Read what an ONNX file says of itself, without running it.

    Raises:
        ModelRefusedError: Not an ONNX file, or of no family that Shoal runs.
    """
    model = _read(path)
    _refuse_weights_elsewhere(model)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if not inputs:
        raise ModelRefusedError(f"Model graph has no input - {EXPORT_HINT}")
    return understand(
        Graph(metadata, [_tensor(value) for value in inputs], [_tensor(value) for value in model.graph.output])
    )


def _refuse_weights_elsewhere(model: "onnx.ModelProto") -> None:
    """Refuse a graph that keeps weights in a file beside it: what is released is one file."""
    names = (
        entry.value for tensor in _tensors(model.graph) for entry in tensor.external_data if entry.key == "location"
    )
    name = next(names, None)
    if name is not None:
        raise ModelRefusedError(weights_elsewhere(name))


def _read(path: Path) -> "onnx.ModelProto":
    import onnx  # noqa: PLC0415 - a second of import; DAG files name models without reading any
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, ValueError, OSError) as err:
        raise ModelRefusedError(_describe(path)) from err
    if not model.graph.output:
        raise ModelRefusedError(_describe(path))
    return model


def _describe(path: Path) -> str:
    with path.open("rb") as file:
        return describe_bytes(file.read(HEAD_BYTES), path.stat().st_size)


def _tensors(graph: "onnx.GraphProto") -> Iterator["onnx.TensorProto"]:
    """Go through a graph's weights, those of its branches and constants too."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _tensor(value: "onnx.ValueInfoProto") -> Tensor:
    """Describe a tensor in ONNX Runtime's words."""
    import onnx  # noqa: PLC0415

    kind = value.type.tensor_type
    types = onnx.TensorProto.DataType
    type_name = types.Name(kind.elem_type).lower() if kind.elem_type in types.values() else f"type {kind.elem_type}"
    shape = tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in kind.shape.dim)
    return Tensor(value.name, f"tensor({type_name})", shape)
