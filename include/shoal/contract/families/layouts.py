"""What the shapes and words of a graph tell of its layout: families ask it, and so does what says why a file is of none.

Words are asked before shapes: 296 classes and 300 chosen boxes have one shape.
"""

import re

from shoal.contract.errors import ModelRefusedError
from shoal.contract.model_info import EXPORT_HINT, Dim, Graph, Tensor, read_names

CHOSEN = 6
"""x1, y1, x2, y2, confidence, class of a chosen box. No raw output has so few places: 32 px have 21."""

_FEWEST_CHOSEN, _MOST_CHOSEN = 100, 3000
_NMS = re.compile(r"""['"]nms['"]\s{0,9}:\s{0,9}(?:True|true)\b""")
"""How ultralytics writes among its arguments that NMS is in the graph."""

_RTDETR = re.compile(r"^Ultralytics\s+rt-?detr", re.IGNORECASE)
"""How descriptions begin: after it comes the file it was trained on, which may lie in a folder of any name."""

_MOST_SHOWN = 4
_STRIDES = (8, 16, 32, 64)


def shapes(graph: Graph) -> str:
    """Write the shapes of the outputs for people."""
    more = len(graph.outputs) - _MOST_SHOWN
    return " and ".join(map(shape_of, graph.outputs[:_MOST_SHOWN])) + (f" and {more} more" if more > 0 else "")


def shape_of(tensor: Tensor) -> str:
    """Write a shape for people."""
    between = " x " if any(isinstance(side, str) for side in tensor.shape) else "x"
    return between.join("?" if side is None else str(side) for side in tensor.shape) or "one number"


def only_output(graph: Graph) -> tuple[Dim, ...]:
    """Shape of its one output of three sides; empty where it has others."""
    outputs = graph.outputs
    return outputs[0].shape if len(outputs) == 1 and len(outputs[0].shape) == 3 else ()


def count_classes(graph: Graph) -> int | None:
    """Count the names; None where they cannot be read."""
    try:
        return len(read_names(graph.metadata.get("names")))
    except ModelRefusedError:
        return None


def may_detect(graph: Graph) -> bool:
    """Whether no word says that it is for another task than boxes, and it takes nothing but images in RGB or grey."""
    image = graph.inputs[0].shape
    plain = len(image) != 4 or not isinstance(image[1], int) or image[1] in {1, 3}
    return plain and graph.metadata.get("task") in {None, "detect"}


def says_end_to_end(graph: Graph) -> bool:
    """Whether metadata say that the graph chooses the boxes itself, as YOLO26 and YOLOv10 do."""
    return graph.metadata.get("end2end", "").strip().lower() in {"true", "1"}


def says_nms(graph: Graph) -> bool:
    """Whether metadata say that the graph was exported with `nms=True`."""
    return _NMS.search(graph.metadata.get("args", "")) is not None


def contradiction(graph: Graph) -> str:
    """Say that metadata speak of chosen boxes where the output is raw."""
    return (
        f"metadata say that its graph chooses the boxes (end2end or nms=True), and its output ({shapes(graph)}) has them all "
        f"- {EXPORT_HINT}"
    )


def says_head(graph: Graph) -> bool:
    """Whether metadata name the head, as later releases of ultralytics do: of theirs an RT-DETR's graph chooses."""
    return bool(graph.metadata.get("head"))


def says_rtdetr(graph: Graph) -> bool:
    """Whether metadata name an RT-DETR: its head, and where nothing says that, the file that it was built from."""
    if says_head(graph):
        return "rtdetr" in graph.metadata["head"].lower()
    return _RTDETR.search(graph.metadata.get("description", "")) is not None


def is_named(graph: Graph) -> bool:
    """Whether a card names the family: what the file's own words say of it is not asked then."""
    return graph.card is not None and graph.card.family is not None


def check_one_image(shape: tuple[int, ...]) -> None:
    """Check that an output of a run is that of the one image that was given.

    Raises:
        ModelRefusedError: It answers for several, or for none.
    """
    if shape[:1] != (1,):
        raise ModelRefusedError(
            f"Model output has shape {list(shape)}, an answer for {shape[0] if shape else 'no'} images where one was given - "
            f"{EXPORT_HINT} batch=1"
        )


IMAGE_SIDES = 4
"""Of an image's tensor; sizes of boxes, where they are asked for too, have two."""


def most_at_once(graph: Graph) -> int | None:
    """Say how many images the graph takes at once, and no other number; None where it leaves that open."""
    images = next((tensor.shape[0] for tensor in graph.inputs if len(tensor.shape) == IMAGE_SIDES), 1)
    if isinstance(images, int) and images > 0:
        return images
    return 1 if any(isinstance(side, int) for tensor in graph.inputs for side in tensor.shape[:1]) else None


def has_chosen_boxes(graph: Graph) -> bool:
    """Whether the output is of the shape of chosen boxes, whoever chose them; YOLOv5's of one class is no such."""
    output = only_output(graph)
    rows = output[1] if output else None
    if not output or output[2] != CHOSEN or not isinstance(rows, int):
        return False
    return _FEWEST_CHOSEN <= rows <= _MOST_CHOSEN and not (count_classes(graph) == 1 and places_per_cell(graph) == 3)


def are_rows(shape: tuple[int, ...], channels: int, values: int) -> bool:
    """Whether what a raw output would have as channels are chosen boxes, of which there happen to be as many.

    Args:
        shape: Of a run.
        channels: How many the names need.
        values: Of a chosen box.
    """
    return channels >= _FEWEST_CHOSEN and shape[2:] == (values,)


def has_objectness(graph: Graph) -> bool:
    """Whether each place has four sides, an objectness and the classes, one place a line.

    Where the export left both sides open, its words decide: YOLOv5 writes stride and names, and nothing that later ones write.
    """
    output, classes = only_output(graph), count_classes(graph)
    if not output or classes is None:
        return False
    if isinstance(output[2], int):
        return output[2] == 5 + classes and output[1] != 4 + classes
    alone = "stride" in graph.metadata and not {"task", "args", "end2end"} & set(graph.metadata)
    return alone and not isinstance(output[1], int)


def places_per_cell(graph: Graph) -> int | None:
    """How many lines the output has for each cell of a static input: YOLOv5 has 3 (its anchors), YOLOX and YOLOv6 have 1."""
    output, image = only_output(graph), graph.inputs[0].shape
    if not output or len(image) != 4:
        return None
    height, width, rows = image[2], image[3], output[1]
    if not isinstance(height, int) or not isinstance(width, int) or not isinstance(rows, int):
        return None
    for levels in (3, 4):
        cells = sum((height // stride) * (width // stride) for stride in _STRIDES[:levels])
        if cells and rows in {cells, 3 * cells}:
            return rows // cells
    return None
