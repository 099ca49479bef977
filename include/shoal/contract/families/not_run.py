"""What a model is that is of no family Shoal runs: how it is told, and the option that helps where there is one.

The first row that fits is said.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from shoal.contract.families.layouts import (
    contradiction,
    count_classes,
    has_objectness,
    only_output,
    places_per_cell,
    says_end_to_end,
    says_nms,
    shape_of,
    shapes,
)
from shoal.contract.model_card import CARD_FILE
from shoal.contract.model_info import EXPORT_HINT, Dim, Graph

_RETRAIN = "use a model of YOLO (v5, v8, 11, 12, 26), RT-DETR or RF-DETR"


@dataclass(frozen=True)
class _Seen:
    """What the rows below look at.

    Attributes:
        graph: The file.
        runs: Tasks that some family is for.
        input: Shape of its first input.
        output: Shape of its only output of three sides; empty where it has another.
        classes: How many names it has; None where they cannot be read.
    """

    graph: Graph
    runs: Collection[str]
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


@dataclass(frozen=True)
class _Row:
    fits: Callable[[_Seen], bool]
    says: Callable[[_Seen], str]


def why_not_run(graph: Graph, runs: Collection[str]) -> str:
    """Say what a file is that no family understands, and what helps.

    Args:
        graph: The file.
        runs: Tasks that some family is for.
    """
    seen = _Seen(graph, runs, tuple(graph.inputs[0].shape), only_output(graph), count_classes(graph))
    return next(f"Model {row.says(seen)}" for row in ROWS if row.fits(seen))


def _tasks(seen: _Seen) -> str:
    return ", ".join(repr(task) for task in sorted(seen.runs))


def _named(*wanted: str) -> Callable[[_Seen], bool]:
    return lambda seen: set(wanted) <= {tensor.name for tensor in seen.graph.outputs}


def _channels(seen: _Seen) -> bool:
    return len(seen.input) == 4 and isinstance(seen.input[1], int) and seen.input[1] not in {1, 3}


def _channels_last(seen: _Seen) -> bool:
    return len(seen.input) == 4 and seen.input[3] in {1, 3} and seen.input[1] not in {1, 3}


ROWS: tuple[_Row, ...] = (
    _Row(
        lambda seen: len(seen.graph.inputs) > 1,
        lambda seen: (
            f"has {len(seen.graph.inputs)} inputs ({', '.join(tensor.name for tensor in seen.graph.inputs)}), Shoal gives it "
            f"one image (and to an RT-DETR of its authors orig_target_sizes) - {_RETRAIN}"
        ),
    ),
    _Row(
        _channels_last,
        lambda seen: (
            f"takes images as {shape_of(seen.graph.inputs[0])} (channels last, as TensorFlow has them), Shoal gives it "
            f"(1, 3, H, W) - convert from PyTorch instead; {EXPORT_HINT}"
        ),
    ),
    _Row(
        _channels,
        lambda seen: (
            f"takes images of {seen.input[1]} channels, Shoal gives it 3 (RGB) or 1 (grey) and does not run it - train it "
            "with channels: 3 in data.yaml, and export it again"
        ),
    ),
    _Row(
        _named("boxes", "scores"),
        lambda _: (
            f"has outputs boxes and scores, as torchvision's detectors and SSD have; Shoal does not run it - {_RETRAIN}"
        ),
    ),
    _Row(
        _named("dets", "labels"),
        lambda seen: (
            f"has outputs dets and labels ({shapes(seen.graph)}), as mmdeploy writes for models of mmdetection; Shoal does not "
            f"run it - {_RETRAIN}"
        ),
    ),
    _Row(
        lambda seen: has_objectness(seen.graph) and places_per_cell(seen.graph) == 1,
        lambda seen: (
            f"has one place a cell with an objectness (output {shapes(seen.graph)}), as YOLOX and YOLOv6 have, whose numbers "
            f"mean other pixels than YOLOv5's; Shoal does not run it - {_RETRAIN}"
        ),
    ),
    _Row(
        lambda seen: seen.sideways and seen.along == 4 + (seen.classes or 0),
        lambda seen: (
            f"has its output turned round ({shapes(seen.graph)}; expected batch x {4 + (seen.classes or 0)} x places) - "
            f"export it as it came from training; {EXPORT_HINT}"
        ),
    ),
    _Row(
        lambda seen: len(seen.graph.outputs) >= 3 and all(len(tensor.shape) >= 4 for tensor in seen.graph.outputs),
        lambda seen: (
            f"ends before its last layer (outputs {shapes(seen.graph)}), as exports for edge devices do; Shoal does not run it "
            f"- {EXPORT_HINT}"
        ),
    ),
    _Row(
        lambda seen: seen.task is None and seen.classes is None,
        lambda _: (
            "has task None: it lacks the metadata that ultralytics writes (names, task, imgsz), which a plain "
            f"torch.onnx.export or a converter leaves out - {EXPORT_HINT}, or say them in {CARD_FILE} beside it"
        ),
    ),
    _Row(
        lambda seen: seen.task is None,
        lambda seen: (
            f"has task None and outputs {shapes(seen.graph)}, which no family takes without a word - write family: yolov8 (or "
            f"another) into {CARD_FILE} beside it, or {EXPORT_HINT}"
        ),
    ),
    _Row(
        lambda seen: seen.task not in seen.runs,
        lambda seen: f"has task {str(seen.task)[:40]!r}, Shoal runs {_tasks(seen)} - use a model for one of these",
    ),
    _Row(
        lambda seen: bool(seen.output) and not seen.sideways and (says_end_to_end(seen.graph) or says_nms(seen.graph)),
        lambda seen: contradiction(seen.graph),
    ),
    _Row(
        lambda seen: seen.sideways and isinstance(seen.output[1], int),
        lambda seen: (
            f"output has {seen.output[1]} channels, its {seen.classes} names need {4 + (seen.classes or 0)} - "
            f"names and weights do not belong together; {EXPORT_HINT}"
        ),
    ),
    _Row(
        lambda _: True,
        lambda seen: f"has outputs {shapes(seen.graph)}, expected one (batch, 4 + classes, anchors) - {EXPORT_HINT}",
    ),
)
