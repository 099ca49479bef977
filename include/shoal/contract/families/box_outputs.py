"""What the families of ultralytics' other tasks share: boxes that carry more than a class, raw or chosen in the graph."""

import re
from dataclasses import dataclass, replace

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.family import NotOfFamilyError
from shoal.contract.model_card import CARD_FILE, Card
from shoal.contract.model_info import (
    EXPORT_HINT,
    Dim,
    Graph,
    ModelInfo,
    Resize,
    Tensor,
    check_floats,
    read_model_info,
)

_NMS = re.compile(r"""['"]nms['"]\s{0,9}:\s{0,9}(?:True|true)\b""")
"""How ultralytics writes among its arguments that NMS is in the graph."""


@dataclass(frozen=True)
class BoxOutput:
    """The output that holds the boxes.

    Attributes:
        name: Its name in the graph.
        chosen: Whether the graph chooses the boxes itself, end to end or by NMS: a row for each, `(batch, boxes, 6 + more)` of 4
            sides, confidence, class and what else. Raw ones are columns, `(batch, 4 + classes + more, anchors)`.
        classes: How many classes there are.
        more: Values of a box besides sides and classes.
    """

    name: str
    chosen: bool
    classes: int
    more: int

    @property
    def values(self) -> int:
        """How many values a box has."""
        return (6 if self.chosen else 4 + self.classes) + self.more

    def expected(self) -> str:
        """Say which shape is expected."""
        return f"[1, boxes, {self.values}]" if self.chosen else f"[1, {self.values}, anchors]"


def need_task(graph: Graph, task: str, *resizes: Resize) -> None:
    """Check that a file is for a task, by its metadata or its card, and takes one image as its family gives it.

    Args:
        graph: The file.
        task: The family's.
        resizes: How the family can bring an image to the input's size; as it does without a card first.

    Raises:
        NotOfFamilyError: It is for another one.
        ModelRefusedError: It is, and has several inputs, or its card asks for another size.
    """
    said = graph.metadata.get("task")
    if said != task and not (graph.card and graph.card.family == task):
        raise NotOfFamilyError(f"Model has task {str(said)[:40]!r}, not {task!r}")
    if len(graph.inputs) > 1:
        names = ", ".join(tensor.name for tensor in graph.inputs)[:80]
        raise ModelRefusedError(
            f"Model has {len(graph.inputs)} inputs ({names}), Shoal gives it one image - {EXPORT_HINT}"
        )
    asked = graph.card.resize if graph.card else None
    if asked is not None and asked not in resizes:
        raise ModelRefusedError(
            f"Model is for {task}, and {CARD_FILE} says resize: {asked} - such models run with {' or '.join(resizes)}; "
            "drop the line"
        )


def read_info(graph: Graph, resize: Resize) -> ModelInfo:
    """Read what the file and its card say of the input.

    Args:
        graph: The file.
        resize: How an image is brought to the input's size where no card says it.

    Raises:
        ModelRefusedError: No names, no size, numbers that are no floats, or an input that is no image.
    """
    check_floats(graph)
    info, card = read_model_info(graph), graph.card or Card()
    return replace(info, resize=Resize(card.resize) if card.resize else resize, mean=card.mean, std=card.std)


def find_output(graph: Graph, role: str, sides: int) -> Tensor | None:
    """Find an output by what it is.

    Args:
        graph: The file.
        role: What it is, as a card calls it.
        sides: How many it has; the first such output is it where no card names one.

    Returns:
        It, None where there is none.
    """
    named = graph.card.outputs.get(role) if graph.card else None
    return next(
        (
            output
            for output in graph.outputs
            if (output.name == named if named is not None else len(output.shape) == sides)
        ),
        None,
    )


def find_boxes(graph: Graph, classes: int, more: int, what: str) -> BoxOutput:
    """Find the boxes, and in which of the two forms they are.

    Args:
        graph: The file.
        classes: How many names it has.
        more: Values of a box besides sides and classes.
        what: These values, for people.

    Raises:
        ModelRefusedError: No output has the shape that names and task need.
    """
    output = find_output(graph, "boxes", 3)
    if output is None or len(output.shape) != 3:
        raise ModelRefusedError(
            f"Model has outputs {shapes(graph)}, expected boxes of (batch, {4 + classes + more}, anchors) or "
            f"(batch, boxes, {6 + more}) - {EXPORT_HINT}"
        )
    _, second, third = output.shape
    raw, chosen = second == 4 + classes + more, third == 6 + more  # no raw output has so few places: 32 px have 21
    if not (raw or chosen) and not _is_open(second, third):
        raise ModelRefusedError(
            f"Model output has {second} channels, its {classes} names and {what} need {4 + classes + more} "
            f"(or rows of {6 + more}, it has {third}) - names and weights do not belong together; {EXPORT_HINT}"
        )
    return BoxOutput(output.name, chosen or (not raw and _says_chosen(graph)), classes, more)


def shapes(graph: Graph) -> str:
    """Show the shapes of the outputs."""
    return " and ".join(str(list(output.shape)) for output in graph.outputs[:4])


def check_found(shape: tuple[int, ...], boxes: BoxOutput) -> None:
    """Check the boxes that came out of a run.

    Raises:
        ModelRefusedError: There are not as many values as names and task need.
    """
    side = 2 if boxes.chosen else 1
    if len(shape) != 3 or shape[0] != 1 or shape[side] != boxes.values:
        raise ModelRefusedError(
            f"Model output has shape {list(shape)}, its {boxes.classes} names need {boxes.expected()} - "
            f"names and weights do not belong together; {EXPORT_HINT}"
        )


def _is_open(second: Dim, third: Dim) -> bool:
    """Whether a run has to show it: a number that is none of the two forms' rules it out."""
    return not isinstance(second, int) or not isinstance(third, int)


def _says_chosen(graph: Graph) -> bool:
    said = graph.metadata.get("end2end", "").strip().lower()
    return said in {"true", "1"} or _NMS.search(graph.metadata.get("args", "")) is not None
