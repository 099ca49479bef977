"""What an ONNX file says of itself, and the part of it that inference and the summary depend on, whatever its family."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

from shoal.contract.errors import ModelRefusedError
from shoal.contract.flat_text import Flat, Pairs, Scalar, UnreadableError, read_flat
from shoal.contract.model_card import CARD_FILE, Card

EXPORT_HINT = "export it with: yolo export model=best.pt format=onnx dynamic=True"

FLOATS = ("tensor(float)", "tensor(float16)")
"""Types of the numbers that models take and give; the worker casts halves."""

Dim = int | str | None
"""One dimension of a shape: a number, or a name or None where it is symbolic."""


@dataclass(frozen=True)
class Tensor:
    """One input or output of a graph.

    Attributes:
        name: Its name in the graph.
        type: As ONNX Runtime writes it, such as `tensor(float)`.
        shape: Its dimensions.
    """

    name: str
    type: str
    shape: tuple[Dim, ...]


@dataclass(frozen=True)
class Graph:
    """What can be read of a model file without running it; `inputs` and `outputs` have at least one entry each.

    Attributes:
        metadata: What the file says in words; what a card says instead has taken its place.
        inputs: Those of the graph.
        outputs: Those of the graph.
        card: The model's card, None where it has none.
        outside: Names of the files beside it that hold weights, and the bytes that each must have at least.
    """

    metadata: Mapping[str, str]
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    card: Card | None = None
    outside: Mapping[str, int] = field(default_factory=dict)


class Resize(StrEnum):
    """How an image is brought to the size of a model's input."""

    LETTERBOX = "letterbox"
    """Its aspect kept, the rest grey."""
    STRETCH = "stretch"
    """Each side for itself."""
    CENTRE_CROP = "centre_crop"
    """Its shorter side to that of the input, then the middle of it."""


@dataclass(frozen=True)
class ModelInfo:
    """The part of a model's metadata that inference and the summary depend on.

    Attributes:
        names: Class names; the position is the class_id.
        stride: Largest stride; input sides are multiples of it.
        imgsz: (height, width) the model was exported for, in pixels.
        fixed_hw: Input (height, width) of a static model, None for a dynamic one.
        resize: How an image is brought to the input's size.
        channels: Of an image: 3 (RGB) or 1 (grey).
        mean: Subtracted from each channel in 0..1 before `std` divides it; None where neither is done.
        std: Divides each channel.
        background: Column of the scores that stands for no class; None where each column is a class.
        keypoints: (number of key points, values of each) of a pose model, else None.
    """

    names: tuple[str, ...]
    stride: int
    imgsz: tuple[int, int]
    fixed_hw: tuple[int, int] | None
    resize: Resize = Resize.LETTERBOX
    channels: int = 3
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    background: int | None = None
    keypoints: tuple[int, int] | None = None

    @property
    def rect(self) -> bool:
        """Letterbox with minimal padding: ultralytics does so exactly for dynamic models."""
        return self.fixed_hw is None and self.resize is Resize.LETTERBOX


def read_model_info(graph: Graph, resize: Resize = Resize.LETTERBOX) -> ModelInfo:
    """Read what exports say in one way, whatever comes out of them: names, stride, size of the one image.

    Args:
        graph: The file.
        resize: How its family brings an image to that size, where no card says otherwise.

    Raises:
        ModelRefusedError: No names, no size, or an input that is no image in RGB or grey.
    """
    names = read_names(graph.metadata.get("names"))
    shape = graph.inputs[0].shape
    if len(shape) != 4 or shape[1] not in {1, 3}:
        raise ModelRefusedError(
            f"Model input has shape {list(shape)}, expected (batch, 3, H, W), or one channel - {EXPORT_HINT}"
        )
    height, width = shape[2], shape[3]
    if any(isinstance(side, int) and not 1 <= side <= MAX_SIDE for side in (height, width)):
        raise ModelRefusedError(f"Model input has shape {list(shape)}, sides of 1 to {MAX_SIDE} px run - {EXPORT_HINT}")
    fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    stride = _parse_stride(graph.metadata.get("stride"))
    imgsz = _parse_imgsz(graph.metadata.get("imgsz")) or fixed
    if imgsz is None:
        raise ModelRefusedError(
            "Model metadata has no imgsz and its input is dynamic - write the size that it was trained at into "
            f"{CARD_FILE} beside it, such as imgsz: [1280, 1280]"
        )
    card = graph.card or Card()
    return ModelInfo(
        names=names,
        stride=stride,
        imgsz=fixed or imgsz,
        fixed_hw=fixed,
        resize=Resize(card.resize) if card.resize else resize,
        channels=1 if shape[1] == 1 else 3,
        mean=card.mean,
        std=card.std,
    )


def check_floats(graph: Graph) -> None:
    """Check that a model computes with numbers that the worker gives and takes: floats of 32 or 16 bits.

    Raises:
        ModelRefusedError: It does not.
    """
    for tensor in (*graph.inputs, *graph.outputs):
        if tensor.type not in FLOATS:
            raise ModelRefusedError(
                f"Model {tensor.name} is {tensor.type}, Shoal runs {' and '.join(FLOATS)} - export without int8=True"
            )


def resolve_imgsz(info: ModelInfo, requested: tuple[int, int] | None) -> tuple[int, int]:
    """Choose the input (height, width): the requested one, else the model's, rounded up to the stride.

    Rounding up is what ultralytics' check_imgsz does.

    Raises:
        ModelRefusedError: A static model cannot take the requested size.
    """
    wanted = requested or info.imgsz
    if wanted == info.fixed_hw:
        return wanted  # also where it is no multiple: the graph runs at no other size
    height, width = (ceil(side / info.stride) * info.stride for side in wanted)
    if info.fixed_hw is not None and (height, width) != info.fixed_hw:
        raise ModelRefusedError(
            f"Model input is fixed at {info.fixed_hw[0]}x{info.fixed_hw[1]} px, imgsz "
            f"{height}x{width} was asked for - drop model.imgsz or export with dynamic=True"
        )
    return height, width


MAX_SIDE = 16_384
"""Longest side of an input, px; more is a mistake in the metadata."""

MAX_STRIDE = 1024
"""Largest stride, px: 64 is that of the largest models in use, and inputs are rounded up to it."""

MOST_CLASSES = 20_000
"""iNaturalist has 10,000, COCO 80."""

LONGEST_NAME = 200
"""Characters of a class name; scientific names with author and year have up to a hundred."""


def read_names(text: str | None) -> tuple[str, ...]:
    """Read class names: ultralytics writes a dictionary by number, others a list, or either as JSON.

    Raises:
        ModelRefusedError: There are none, the numbers have holes or repeat (the position is the class_id), or there are more
            or longer ones than any model has.
    """
    names = _read(text)
    if isinstance(names, Pairs):
        names = _in_order(names, text)
    if not isinstance(names, tuple) or not all(isinstance(name, str | int | float) for name in names):
        raise ModelRefusedError(
            f"Model metadata has no class names (names={_shown(text)}) - {EXPORT_HINT}, or write names: [first class, …] into "
            f"{CARD_FILE}"
        )
    if not names:
        raise ModelRefusedError(f"Model metadata names no classes - {EXPORT_HINT}")
    if len(names) > MOST_CLASSES:
        raise ModelRefusedError(f"Model metadata names {len(names):,} classes, Shoal takes up to {MOST_CLASSES:,}")
    return tuple(_name(number, str(name)) for number, name in enumerate(names))


def _name(number: int, name: str) -> str:
    if len(name) > LONGEST_NAME:
        raise ModelRefusedError(
            f"Model metadata has a name of {len(name):,} characters for class {number} ({_shown(name)}), up to {LONGEST_NAME} "
            "are taken - shorten it in data.yaml, and export again"
        )
    if not name.isascii() and any("\ud800" <= character <= "\udfff" for character in name):
        raise ModelRefusedError(
            f"Model metadata has a name for class {number} that is no text ({_shown(name)}: half of a character) - "
            "write it anew in data.yaml, and export again"
        )
    return name


def _in_order(names: Pairs, text: str | None) -> tuple[Scalar, ...]:
    by_id: dict[int, Scalar] = {}
    for key, name in names.items:
        if isinstance(key, bool) or re.fullmatch(r"[0-9]{1,9}", str(key)) is None:
            raise ModelRefusedError(
                f"Model metadata has names by {_shown(key)}, expected by number (names={_shown(text)}) - {EXPORT_HINT}"
            )
        number = int(str(key))
        if number in by_id:
            raise ModelRefusedError(
                f"Model metadata has two class names for class {number}, {_shown(by_id[number])} and {_shown(name)} - "
                "number them from 0 in data.yaml, and export again"
            )
        by_id[number] = name
    missing = next((number for number in range(len(by_id)) if number not in by_id), None)
    if missing is not None:
        raise ModelRefusedError(
            f"Model metadata has {len(by_id)} class names and none for class {missing} - "
            "number them from 0 without holes in data.yaml, and export again"
        )
    return tuple(by_id[number] for number in range(len(by_id)))


def _parse_stride(text: str | None) -> int:
    """Read the largest stride; some exporters list all of them."""
    if text is None:
        return 32
    value = _read(text)
    strides = value if isinstance(value, tuple) and not isinstance(value, Pairs) else (value,)
    sides = [_side(stride) for stride in strides]
    known = [side for side in sides if side is not None]
    if not known or len(known) < len(sides) or max(known) > MAX_STRIDE:
        raise ModelRefusedError(
            f"Model metadata has stride {_shown(text)}, expected a number of px from 1 to {MAX_STRIDE} - {EXPORT_HINT}"
        )
    return max(known)


def _parse_imgsz(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    value = _read(text)
    listed = value if isinstance(value, tuple) and not isinstance(value, Pairs) else (value,)
    sides = [_side(side) for side in (listed * 2 if len(listed) == 1 else listed)]
    if len(sides) != 2 or sides[0] is None or sides[1] is None:
        raise ModelRefusedError(
            f"Model metadata has imgsz {_shown(text)}, expected [height, width] of 1 to {MAX_SIDE} px - {EXPORT_HINT}"
        )
    return sides[0], sides[1]


def _side(value: object) -> int | None:
    """Read a number of pixels; None where it is none that an input may have."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= MAX_SIDE:
        return None
    return int(value) if value == int(value) else None


def _read(text: str | None) -> Flat:
    """Read what Python or JSON wrote; None where it is neither."""
    try:
        return read_flat(text or "")
    except UnreadableError:
        return None


def _shown(value: object) -> str:
    """Show the beginning of what stands there."""
    return repr(value[:60] if isinstance(value, str) else value)[:60]
