"""Below which score a graph that chooses its boxes drops them: that stands in it as a number, and in no word of its metadata.

ultralytics compares each score with the `conf` of the export, then suppresses; ONNX's own operator takes a threshold as its fifth
input. What a graph drops no `conf` of a dataset brings back, and nothing in the answer would tell.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from shoal.contract.families.layouts import says_nms
from shoal.contract.inference import STORED_CONF
from shoal.contract.model_info import Graph
from shoal.contract.onnx_file import MOST_FIELDS
from shoal.contract.protobuf import BYTES, VARINT, Data, Field, Messages, NoMessageError, TooManyFieldsError

LONGEST_NAME = 1000
"""Bytes of a name in a graph that are compared."""

_GRAPH, _NODE, _WEIGHTS = 7, 1, 5
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5
_VALUE = 5
_TYPE, _FLOATS, _NAME, _RAW, _DOUBLES = 2, 4, 8, 9, 10
_FORMATS = {1: "<f", 10: "<e", 11: "<d"}
"""How numbers of the types float, float16 and double are stored."""

_SUPPRESSION, _COMPARISONS = b"NonMaxSuppression", (b"Greater", b"GreaterOrEqual")
_SCORE_THRESHOLD = 4
"""Which input of `NonMaxSuppression` it is."""

_ROUNDING = 1e-4
"""0.05 in half precision is some 1e-5 more."""


@dataclass(frozen=True)
class Dropped:
    """What a graph does not give.

    Attributes:
        below: Boxes that score less, or as much; None where the graph does not say it in a way that is known.
    """

    below: float | None

    def describe(self) -> str:
        """Say it for who reads a plan or a model."""
        if self.below is None:
            return (
                "the model file suppresses boxes itself (nms=True) and does not say below which score it drops them, ultralytics "
                f"0.25 unless told otherwise - export it with conf={STORED_CONF:g}"
            )
        return (
            f"boxes below {self.below:.3g} are not in the model file's answers: conf below it shows nothing more - export it "
            f"with nms=False, or conf={STORED_CONF:g}"
        )


@dataclass
class _Seen:
    """What a walk through the nodes came by."""

    thresholds: list[bytes] = field(default_factory=list)
    compared: list[tuple[bytes, ...]] = field(default_factory=list)
    numbers: dict[bytes, Field] = field(default_factory=dict)


def read_dropped(data: Data, graph: Graph) -> Dropped | None:
    """Read which boxes a graph drops by their score.

    Args:
        data: The file, judged by `read_onnx` before.
        graph: What it and its card say.

    Returns:
        None where it drops none above what is stored, or chooses no boxes.
    """
    messages = Messages(data, MOST_FIELDS)
    try:
        seen = _walk(messages, len(data))
        found = [_number(messages, seen.numbers, name) for name in seen.thresholds]
        if says_nms(graph):
            # The first one is of the scores: what comes behind it are overlaps.
            compared = (_number(messages, seen.numbers, name) for names in seen.compared for name in names)
            found.append(next((value for value in compared if value is not None), None))
    except (NoMessageError, TooManyFieldsError):
        found = []
    known = [value for value in found if value is not None]
    if not known:
        return Dropped(None) if says_nms(graph) else None
    return Dropped(round(max(known), 6)) if max(known) > STORED_CONF + _ROUNDING else None


def _walk(messages: Messages, size: int) -> _Seen:
    seen = _Seen()
    for part in messages.fields(0, size):
        if part.number != _GRAPH or part.wire != BYTES:
            continue
        for one in messages.fields(part.start, part.end):
            if one.wire == BYTES and one.number == _NODE:
                _note(messages, seen, one)
            elif one.wire == BYTES and one.number == _WEIGHTS:
                for name in messages.inside(one, _NAME):
                    seen.numbers[messages.text(name, LONGEST_NAME)] = one
    return seen


def _note(messages: Messages, seen: _Seen, node: Field) -> None:
    operator, inputs, outputs, values = b"", list[bytes](), list[bytes](), list[Field]()
    for part in messages.fields(node.start, node.end):
        if part.wire != BYTES:
            continue
        if part.number == _OPERATOR:
            operator = messages.text(part, LONGEST_NAME)
        elif part.number in {_INPUT, _OUTPUT}:
            (inputs if part.number == _INPUT else outputs).append(messages.text(part, LONGEST_NAME))
        elif part.number == _ATTRIBUTE:
            values.append(part)
    if operator == b"Constant" and outputs:
        for tensor in (tensor for value in values for tensor in messages.inside(value, _VALUE)):
            seen.numbers[outputs[0]] = tensor
    elif operator in _COMPARISONS:
        seen.compared.append(tuple(inputs))
    elif operator == _SUPPRESSION:
        seen.thresholds += inputs[_SCORE_THRESHOLD : _SCORE_THRESHOLD + 1]


def _number(messages: Messages, numbers: Mapping[bytes, Field], name: bytes) -> float | None:
    """Read a constant of one number between 0 and 1; None where it is none."""
    if name not in numbers:
        return None
    values = list(_values(messages, numbers[name]))
    return values[0] if len(values) == 1 and 0 < values[0] < 1 else None


def _values(messages: Messages, tensor: Field) -> Iterator[float]:
    """Give the numbers of a small tensor; none of others."""
    kind, texts = 0, list[bytes]()
    for part in messages.fields(tensor.start, tensor.end):
        if part.number == _TYPE and part.wire == VARINT:
            kind = part.value
        elif part.number in {_RAW, _FLOATS, _DOUBLES}:
            texts.append(messages.text(part, 9))
    form = _FORMATS.get(kind)
    if form is not None:
        yield from (struct.unpack(form, text)[0] for text in texts if len(text) == struct.calcsize(form))
