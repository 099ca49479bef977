"""What an ONNX file says of itself, read from its bytes without a library: bounded, so that no file costs more than its look.

Plan and worker ask this one judge before anything else opens the file: ONNX Runtime reads weights from whatever other file a
graph names, see `outside_weights`. The numbers of fields are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shoal.contract.errors import ModelRefusedError
from shoal.contract.model_file import HEAD_BYTES, MOST_GRAPH_BYTES, describe_bytes
from shoal.contract.model_info import EXPORT_HINT, Dim, Graph, Tensor
from shoal.contract.outside_weights import add_outside, read_outside
from shoal.contract.protobuf import BYTES, VARINT, Data, Field, Messages, NoMessageError, TooManyFieldsError

MOST_FIELDS = 500_000
"""Pieces that are looked at, in a second at most: yolov8x has some 4,000."""

MOST_DEPTH = 60
"""Messages within each other; a branch within a branch is three of them. ONNX Runtime's parser ends at 100."""

MOST_ENDS = 100
"""Inputs and outputs of a graph, and dimensions of each."""

LONGEST_NAME = 200
"""Bytes of their names."""

MOST_METADATA_BYTES = 2 << 20
"""Names of twenty thousand classes take one megabyte."""

_INSIDE: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
    "tensor": {},
}
"""What may hold weights: the kinds of messages in each kind, by the number of their field."""

_METADATA = 14
_KEY, _VALUE = 1, 2
_ENDS = {11: "inputs", 12: "outputs"}
_WEIGHTS, _SPARSE_WEIGHTS, _WEIGHT_NAME, _SPARSE_VALUES = 5, 15, 8, 1
_NAME, _TYPE, _TENSOR_TYPE, _ELEMENT, _SHAPE, _DIM, _NUMBER, _SYMBOL = 1, 2, 1, 1, 2, 1, 1, 2

_TYPES = (
    *(
        "undefined",
        "float",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "double",
    ),
    *("uint32", "uint64", "complex64", "complex128", "bfloat16"),
)
"""Types of elements by number, in ONNX Runtime's words."""


@dataclass
class _Seen:
    """What a walk through a file came by.

    Attributes:
        metadata: Its entries.
        weights: Names of the weights.
        inputs: Those of the graph, weights among them in old files.
        outputs: Those of the graph.
        outside: Files of weights beside it, and the bytes that each must have at least.
    """

    metadata: list[Field] = field(default_factory=list)
    weights: set[bytes] = field(default_factory=set)
    inputs: list[Field] = field(default_factory=list)
    outputs: list[Field] = field(default_factory=list)
    outside: dict[str, int] = field(default_factory=dict)


def read_onnx(data: Data) -> Graph:
    """Read a model file; whatever its bytes are, this ends within seconds.

    Raises:
        ModelRefusedError: It is no ONNX, keeps weights elsewhere than in files beside it, or is larger than any model in some
            way.
    """
    if len(data) > MOST_GRAPH_BYTES:
        raise ModelRefusedError(
            f"Model file has {len(data):,} bytes, ONNX holds {MOST_GRAPH_BYTES:,} at most - {EXPORT_HINT}"
        )
    messages = Messages(data, MOST_FIELDS)
    try:
        seen = _walk(messages, len(data))
        inputs = list(_ends(messages, seen.inputs, seen.weights))
        if not inputs:
            raise ModelRefusedError(f"Model graph has no input - {EXPORT_HINT}")
        outputs = list(_ends(messages, seen.outputs, frozenset()))
        return Graph(_metadata(messages, seen.metadata), inputs, outputs, outside=seen.outside)
    except TooManyFieldsError as err:
        raise ModelRefusedError(f"Model file has more than {MOST_FIELDS:,} pieces - {EXPORT_HINT}") from err
    except (NoMessageError, UnicodeDecodeError) as err:
        raise ModelRefusedError(describe_bytes(data[:HEAD_BYTES], len(data))) from err


def _walk(messages: Messages, size: int) -> _Seen:
    """Look once at every message that may hold weights."""
    seen = _Seen()
    left = [("model", 0, size, 0)]
    while left:
        kind, start, end, depth = left.pop()
        if depth > MOST_DEPTH:
            raise ModelRefusedError(f"Model graph is nested more than {MOST_DEPTH} deep - {EXPORT_HINT}")
        if kind == "tensor":
            add_outside(seen.outside, read_outside(messages, start, end))
            continue
        for one in messages.fields(start, end):
            if one.wire != BYTES:
                continue
            if one.number in _INSIDE[kind]:
                left.append((_INSIDE[kind][one.number], one.start, one.end, depth + 1))
            if kind == "model" and one.number == _METADATA:
                seen.metadata.append(one)
            elif kind == "graph" and depth == 1:
                _note(messages, seen, one)
    if not seen.outputs:
        raise NoMessageError
    return seen


def _note(messages: Messages, seen: _Seen, one: Field) -> None:
    if one.number in _ENDS:
        getattr(seen, _ENDS[one.number]).append(one)
    elif one.number == _WEIGHTS:
        seen.weights.update(messages.text(name, LONGEST_NAME + 1) for name in messages.inside(one, _WEIGHT_NAME))
    elif one.number == _SPARSE_WEIGHTS:
        for values in messages.inside(one, _SPARSE_VALUES):
            seen.weights.update(messages.text(name, LONGEST_NAME + 1) for name in messages.inside(values, _WEIGHT_NAME))


def _metadata(messages: Messages, entries: Sequence[Field]) -> dict[str, str]:
    size = sum(entry.end - entry.start for entry in entries)
    if size > MOST_METADATA_BYTES:
        raise ModelRefusedError(
            f"Model metadata has {size:,} bytes, up to {MOST_METADATA_BYTES:,} are read - {EXPORT_HINT}"
        )
    metadata = {}
    for entry in entries:
        parts = messages.fields(entry.start, entry.end)
        texts = {part.number: messages.text(part, size).decode() for part in parts if part.wire == BYTES}
        metadata[texts.get(_KEY, "")] = texts.get(_VALUE, "")
    return metadata


def _ends(messages: Messages, places: Sequence[Field], weights: frozenset[bytes] | set[bytes]) -> Iterator[Tensor]:
    """Describe inputs or outputs in ONNX Runtime's words."""
    count = 0
    for place in places:
        name = b""
        for one in messages.inside(place, _NAME):
            name = messages.text(one, LONGEST_NAME + 1)
        if name in weights:
            continue
        count += 1
        kind, shape = _type(messages, place)
        text = name.decode()
        if count > MOST_ENDS or len(shape) > MOST_ENDS or len(name) > LONGEST_NAME or not text.isprintable():
            raise ModelRefusedError(
                f"Model graph has more than {MOST_ENDS} inputs, outputs or dimensions, or one whose name is longer than "
                f"{LONGEST_NAME} bytes or cannot be printed - {EXPORT_HINT}"
            )
        yield Tensor(text, f"tensor({_TYPES[kind] if kind < len(_TYPES) else f'type {kind}'})", shape)


def _type(messages: Messages, place: Field) -> tuple[int, tuple[Dim, ...]]:
    """Read the type of elements and the shape."""
    kind, shape = 0, list[Dim]()
    for types in messages.inside(place, _TYPE):
        for tensor_type in messages.inside(types, _TENSOR_TYPE):
            for part in messages.fields(tensor_type.start, tensor_type.end):
                if part.number == _ELEMENT and part.wire == VARINT:
                    kind = part.value
                elif part.number == _SHAPE and part.wire == BYTES:
                    shape = [_dim(messages, dim) for dim in messages.inside(part, _DIM)]
    return kind, tuple(shape)


def _dim(messages: Messages, one: Field) -> Dim:
    dim: Dim = None
    for part in messages.fields(one.start, one.end):
        if part.number == _NUMBER and part.wire == VARINT:
            dim = part.value if part.value < 1 << 63 else part.value - (1 << 64)
        elif part.number == _SYMBOL and part.wire == BYTES:
            text = messages.text(part, LONGEST_NAME).decode(errors="replace")
            dim = text if text.isprintable() and text else None
    return dim
