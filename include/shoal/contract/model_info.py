"""What an ONNX file must say to be a model Shoal runs: ultralytics' YOLOv8/YOLO11 detection export."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from shoal.contract.errors import ModelRefusedError

EXPORT_HINT = "export it with: yolo export model=best.pt format=onnx dynamic=True"

Dim = int | str | None
"""One dimension of a shape: a number, or a name or None where it is symbolic."""


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


def read_model_info(
    metadata: Mapping[str, str],
    input_shape: Sequence[Dim],
    output_shapes: Sequence[Sequence[Dim]],
) -> ModelInfo:
    """Check a model's metadata and shapes.

    Args:
        metadata: The ONNX metadata properties that ultralytics' export writes.
        input_shape: (batch, 3, H, W) of the first input; a name or None where symbolic.
        output_shapes: Shape of each output; a detection export has one, (batch, 4 + classes, anchors).

    Raises:
        ModelRefusedError: Wrong task, no names, an end-to-end export or shapes that do not fit the names.
    """
    task = metadata.get("task")
    if task != "detect":
        raise ModelRefusedError(f"Model has task {task!r}, Shoal runs 'detect' - use a detection model")
    if metadata.get("end2end", "").lower() == "true":
        raise ModelRefusedError(
            "Model is an end-to-end export (NMS inside), its boxes cannot be re-thresholded - "
            "export a YOLOv8 or YOLO11 model without nms=True"
        )
    names = _parse_names(metadata.get("names"))
    if len(input_shape) != 4 or input_shape[1] != 3:
        raise ModelRefusedError(f"Model input has shape {list(input_shape)}, expected (batch, 3, H, W) - {EXPORT_HINT}")
    _check_output(output_shapes, len(names))
    height, width = input_shape[2], input_shape[3]
    fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    stride = int(float(metadata.get("stride", "32")))
    imgsz = _parse_imgsz(metadata.get("imgsz")) or fixed
    if imgsz is None:
        raise ModelRefusedError(
            f"Model metadata has no imgsz and its input is dynamic - set model.imgsz, or {EXPORT_HINT}"
        )
    return ModelInfo(names=names, stride=stride, imgsz=fixed or imgsz, fixed_hw=fixed)


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


def _check_output(shapes: Sequence[Sequence[Dim]], classes: int) -> None:
    if len(shapes) != 1 or len(shapes[0]) != 3:
        raise ModelRefusedError(
            f"Model has outputs {[list(s) for s in shapes]}, expected one (batch, 4 + classes, anchors) - {EXPORT_HINT}"
        )
    channels = shapes[0][1]
    if isinstance(channels, int) and channels != 4 + classes:
        raise ModelRefusedError(
            f"Model output has {channels} channels, its {classes} names need {4 + classes} - "
            f"names and weights do not belong together; {EXPORT_HINT}"
        )
