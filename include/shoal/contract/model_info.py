"""What an ONNX file says of itself, and the part of it that inference and the summary depend on, whatever its family."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from shoal.contract.errors import ModelRefusedError

EXPORT_HINT = "export it with: yolo export model=best.pt format=onnx dynamic=True"

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
    """What can be read of a model file without running it; `inputs` and `outputs` have at least one entry each."""

    metadata: Mapping[str, str]
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]


@dataclass(frozen=True)
class ModelInfo:
    """The part of a model's metadata that inference and the summary depend on.

    Attributes:
        names: Class names; the position is the class_id.
        stride: Largest stride; input sides are multiples of it.
        imgsz: (height, width) the model was exported for, in pixels.
        fixed_hw: Input (height, width) of a static model, None for a dynamic one.
    """

    names: tuple[str, ...]
    stride: int
    imgsz: tuple[int, int]
    fixed_hw: tuple[int, int] | None

    @property
    def rect(self) -> bool:
        """Letterbox with minimal padding: ultralytics does so exactly for dynamic models."""
        return self.fixed_hw is None


def read_model_info(graph: Graph) -> ModelInfo:
    """Read what ultralytics' exports say in one way, whatever comes out of them: names, stride, size of the one image.

    Raises:
        ModelRefusedError: No names, no size, or an input that is no image in RGB.
    """
    names = _parse_names(graph.metadata.get("names"))
    shape = graph.inputs[0].shape
    if len(shape) != 4 or shape[1] != 3:
        raise ModelRefusedError(f"Model input has shape {list(shape)}, expected (batch, 3, H, W) - {EXPORT_HINT}")
    height, width = shape[2], shape[3]
    fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    stride = int(float(graph.metadata.get("stride", "32")))
    imgsz = _parse_imgsz(graph.metadata.get("imgsz")) or fixed
    if imgsz is None:
        raise ModelRefusedError(
            f"Model metadata has no imgsz and its input is dynamic - set model.imgsz, or {EXPORT_HINT}"
        )
    return ModelInfo(names=names, stride=stride, imgsz=fixed or imgsz, fixed_hw=fixed)


def check_floats(graph: Graph) -> None:
    """Check that a model takes one image at a time and computes in 32 bits.

    Raises:
        ModelRefusedError: It does not.
    """
    for tensor in (*graph.inputs, *graph.outputs):
        if tensor.type != "tensor(float)":
            raise ModelRefusedError(
                f"Model {tensor.name} is {tensor.type}, Shoal runs tensor(float) - export without half=True or int8=True"
            )
    batch = graph.inputs[0].shape[0]
    if isinstance(batch, int) and batch != 1:
        raise ModelRefusedError(f"Model takes {batch} images at once, Shoal gives it 1 - export with batch=1")


def resolve_imgsz(info: ModelInfo, requested: tuple[int, int] | None) -> tuple[int, int]:
    """Choose the input (height, width): the requested one, else the model's, rounded up to the stride.

    Rounding up is what ultralytics' check_imgsz does.

    Raises:
        ModelRefusedError: A static model cannot take the requested size.
    """
    wanted = requested or info.imgsz
    height, width = (ceil(side / info.stride) * info.stride for side in wanted)
    if info.fixed_hw is not None and (height, width) != info.fixed_hw:
        raise ModelRefusedError(
            f"Model input is fixed at {info.fixed_hw[0]}x{info.fixed_hw[1]} px, imgsz "
            f"{height}x{width} was asked for - drop model.imgsz or export with dynamic=True"
        )
    return height, width


def _parse_names(text: str | None) -> tuple[str, ...]:
    try:
        names = ast.literal_eval(text or "")
        ordered = tuple(str(names[i]) for i in range(len(names)))
    except (ValueError, SyntaxError, KeyError, TypeError) as err:
        raise ModelRefusedError(f"Model metadata has no class names (names={text!r:.60}) - {EXPORT_HINT}") from err
    if not ordered:
        raise ModelRefusedError(f"Model metadata names no classes - {EXPORT_HINT}")
    return ordered


def _parse_imgsz(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        sides = ast.literal_eval(text)
        height, width = (sides, sides) if isinstance(sides, int) else sides
        return int(height), int(width)
    except (ValueError, SyntaxError, TypeError) as err:
        raise ModelRefusedError(
            f"Model metadata has imgsz {text!r:.60}, expected [height, width] - {EXPORT_HINT}"
        ) from err
