"""Models that Shoal does not run, by name: what each is, how it is told, and the option that helps where there is one.

The first row that fits is said. Metadata is asked before shapes: 296 classes and 300 chosen boxes have one shape.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from shoal.contract.errors import ModelRefusedError
from shoal.contract.model_info import EXPORT_HINT, Dim, Graph, Tensor, read_names

_SIZES = {"segment": "-seg", "pose": "-pose", "obb": "-obb", "classify": "-cls"}
_RETRAIN = "use a YOLOv8, YOLO11 or YOLO26 detection model"
_NMS = re.compile(r"""['"]nms['"]\s{0,9}:\s{0,9}(?:True|true)\b""")
"""How ultralytics writes among its arguments that NMS is in the graph."""

_ENDS = 6
"""x1, y1, x2, y2, confidence, class of a chosen box. No raw output has so few places: 32 px have 21."""


@dataclass(frozen=True)
class _Seen:
    """What the rows below look at.

    Attributes:
        graph: The file.
        input: Shape of its first input.
        output: Shape of its only output of three sides; empty where it has another.
        classes: How many names it has; None where they cannot be read.
    """

    graph: Graph
    input: tuple[Dim, ...]
    output: tuple[Dim, ...]
    classes: int | None

    @property
    def task(self) -> str | None:
        return self.graph.metadata.get("task")

    @property
    def along(self) -> Dim:
        """Length of the output's last side."""
        return self.output[2] if self.output else None

    @property
    def sideways(self) -> bool:
        """Whether the output's second side cannot be the channels that the names need."""
        return bool(self.output) and self.classes is not None and self.output[1] != 4 + self.classes

    def shapes(self) -> str:
        return " and ".join(_shape(tensor) for tensor in self.graph.outputs)


@dataclass(frozen=True)
class _Row:
    fits: Callable[[_Seen], bool]
    says: Callable[[_Seen], str]


def refuse_known(graph: Graph) -> None:
    """Refuse what is known not to run, by its name.

    Raises:
        ModelRefusedError: It is of a kind in the table.
    """
    seen = _look(graph)
    for row in ROWS:
        if row.fits(seen):
            raise ModelRefusedError(f"Model {row.says(seen)}")


def _look(graph: Graph) -> _Seen:
    outputs = graph.outputs
    output = outputs[0].shape if len(outputs) == 1 and len(outputs[0].shape) == 3 else ()
    try:
        classes: int | None = len(read_names(graph.metadata.get("names")))
    except ModelRefusedError:
        classes = None
    return _Seen(graph, tuple(graph.inputs[0].shape), output, classes)


def _shape(tensor: Tensor) -> str:
    return "x".join("?" if side is None else str(side) for side in tensor.shape) or "one number"


def _end_to_end(seen: _Seen) -> bool:
    return seen.graph.metadata.get("end2end", "").strip().lower() in {"true", "1"}


def _nms(seen: _Seen) -> bool:
    return _NMS.search(seen.graph.metadata.get("args", "")) is not None


def _named(*wanted: str) -> Callable[[_Seen], bool]:
    return lambda seen: set(wanted) <= {tensor.name for tensor in seen.graph.outputs}


def _chosen_boxes(seen: _Seen) -> bool:
    rows = seen.output[1] if seen.output else None
    return seen.along == _ENDS and isinstance(rows, int) and rows >= 100


def _channels(seen: _Seen) -> bool:
    return len(seen.input) == 4 and isinstance(seen.input[1], int) and seen.input[1] != 3


def _channels_last(seen: _Seen) -> bool:
    return len(seen.input) == 4 and seen.input[3] in {1, 3} and seen.input[1] not in {1, 3}


ROWS: tuple[_Row, ...] = (
    _Row(
        lambda seen: seen.task in _SIZES,
        lambda seen: (
            f"has task {seen.task!r}, Shoal runs 'detect' - use a detection model, one trained from yolo11n.pt and "
            f"not from yolo11n{_SIZES[str(seen.task)]}.pt"
        ),
    ),
    _Row(
        _end_to_end,
        lambda _: (
            f"is an end-to-end export (its graph chooses the boxes itself), as YOLO26 and YOLOv10 are "
            f"by default; Shoal does not run it - {EXPORT_HINT} end2end=False, or where that is refused {_RETRAIN}"
        ),
    ),
    _Row(
        _nms,
        lambda _: (
            f"was exported with nms=True (its graph chooses the boxes itself); Shoal does not run "
            f"it - {EXPORT_HINT} nms=False"
        ),
    ),
    _Row(
        lambda seen: len(seen.graph.inputs) > 1,
        lambda seen: (
            f"has {len(seen.graph.inputs)} inputs ({', '.join(tensor.name for tensor in seen.graph.inputs)}), Shoal gives it "
            f"one image - {_RETRAIN}, and {EXPORT_HINT}"
        ),
    ),
    _Row(
        _channels_last,
        lambda seen: (
            f"takes images as {_shape(seen.graph.inputs[0])} (channels last, as TensorFlow has them), Shoal gives it "
            f"(1, 3, H, W) - convert from PyTorch instead; {EXPORT_HINT}"
        ),
    ),
    _Row(
        _channels,
        lambda seen: (
            f"takes images of {seen.input[1]} channel{'' if seen.input[1] == 1 else 's'}"
            f"{' (grey)' if seen.input[1] == 1 else ''}, Shoal gives it 3 (RGB) and does not run it - train it with "
            "channels: 3 in data.yaml, and export it again"
        ),
    ),
    _Row(
        _named("dets", "labels"),
        lambda seen: f"is an RF-DETR (outputs dets and labels, {seen.shapes()}), which Shoal does not run - {_RETRAIN}",
    ),
    _Row(
        _named("boxes", "scores"),
        lambda _: (
            f"has outputs boxes and scores, as torchvision's detectors and SSD have; Shoal does not run it - {_RETRAIN}"
        ),
    ),
    _Row(
        _chosen_boxes,
        lambda seen: (
            f"answers with {seen.output[1]} chosen boxes of 6 values each (output {seen.shapes()}): end to end, or with NMS "
            f"inside; Shoal does not run it - {EXPORT_HINT} nms=False (YOLO26: end2end=False)"
        ),
    ),
    _Row(
        lambda seen: seen.sideways and seen.along == 5 + (seen.classes or 0),
        lambda seen: (
            f"is a YOLOv5 or one of its kind, as MegaDetector v5 is (output {seen.shapes()}: 4 sides, objectness, "
            f"{seen.classes} classes); Shoal does not run it - {_RETRAIN}"
        ),
    ),
    _Row(
        lambda seen: seen.sideways and seen.output[1] == 300 and seen.along == 4 + (seen.classes or 0),
        lambda seen: (
            f"is an RT-DETR (output {seen.shapes()}: 300 boxes in parts of the image), which Shoal does not run - {_RETRAIN}"
        ),
    ),
    _Row(
        lambda seen: seen.sideways and seen.along == 4 + (seen.classes or 0),
        lambda seen: (
            f"has its output turned round ({seen.shapes()}; expected batch x {4 + (seen.classes or 0)} x places) - "
            f"export it as it came from training; {EXPORT_HINT}"
        ),
    ),
    _Row(
        lambda seen: len(seen.graph.outputs) >= 3 and all(len(tensor.shape) >= 4 for tensor in seen.graph.outputs),
        lambda seen: (
            f"ends before its last layer (outputs {seen.shapes()}), as exports for edge devices do; Shoal does not run it "
            f"- {EXPORT_HINT}"
        ),
    ),
    _Row(
        lambda seen: seen.task is None,
        lambda _: (
            "has task None: it lacks the metadata that ultralytics writes (names, task, imgsz), which a plain "
            f"torch.onnx.export or a converter leaves out - {EXPORT_HINT}"
        ),
    ),
    _Row(
        lambda seen: seen.task != "detect",
        lambda seen: f"has task {str(seen.task)[:40]!r}, Shoal runs 'detect' - use a detection model",
    ),
)
