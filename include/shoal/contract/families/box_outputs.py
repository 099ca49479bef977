"""What the families of ultralytics' other tasks share: boxes that carry more than a class, raw or chosen in the graph."""

from dataclasses import dataclass

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.family import NotOfFamilyError
from shoal.contract.families.layouts import (
    are_rows,
    check_one_image,
    contradiction,
    is_named,
    says_end_to_end,
    says_nms,
    shapes,
)
from shoal.contract.model_info import EXPORT_HINT, Dim, Graph, Tensor


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


def need_task(graph: Graph, task: str) -> None:
    """Check that a file is for a task, by its metadata or its card, and takes one image.

    Raises:
        NotOfFamilyError: It is for another one.
        ModelRefusedError: It is, and has several inputs.
    """
    said = graph.metadata.get("task")
    if said != task and not (graph.card and graph.card.family == task):
        raise NotOfFamilyError(f"Model has task {str(said)[:40]!r}, not {task!r}")
    if len(graph.inputs) > 1:
        names = ", ".join(tensor.name for tensor in graph.inputs)[:80]
        raise ModelRefusedError(
            f"Model has {len(graph.inputs)} inputs ({names}), Shoal gives it one image - {EXPORT_HINT}"
        )


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
        ModelRefusedError: No output has the shape that names and task need, or it is not what the metadata say.
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
    said = says_end_to_end(graph) or says_nms(graph)
    if said and isinstance(third, int) and not chosen:
        if not is_named(graph):
            raise ModelRefusedError(f"Model {contradiction(graph)}")
        said = False
    return BoxOutput(output.name, chosen or said, classes, more)


def check_found(shape: tuple[int, ...], boxes: BoxOutput) -> None:
    """Check the boxes that came out of a run.

    Raises:
        ModelRefusedError: There are not as many values as names and task need, or of several images.
    """
    check_one_image(shape)
    side = 2 if boxes.chosen else 1
    rows = not boxes.chosen and are_rows(shape, boxes.values, 6 + boxes.more)
    if len(shape) != 3 or shape[side] != boxes.values or rows:
        raise ModelRefusedError(
            f"Model output has shape {list(shape)}, its {boxes.classes} names need {boxes.expected()} - "
            f"names and weights do not belong together; {EXPORT_HINT}"
        )


def _is_open(second: Dim, third: Dim) -> bool:
    """Whether a run has to show it: a number that is none of the two forms' rules it out."""
    return not isinstance(second, int) or not isinstance(third, int)
