"""A model that needs no training: it finds the flat-coloured fish of `scenes` by their colour.

Its input, output and metadata are those of a YOLOv8 detection model exported by ultralytics, so everything
that runs it runs a real one. It is arithmetic written as a graph, not a trained network, and says so.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from shoal.embedded.samples.scenes import LOOKS

VERSIONS: dict[str, tuple[str, ...]] = {
    "v1": ("Diplodus vulgaris", "Chromis chromis", "Coris julis"),
    "v2": ("Diplodus vulgaris", "Chromis chromis", "Coris julis", "Sarpa salpa"),
}
"""Species by version, in the order of their class_id: v2 learns one fish that v1 does not see."""

SIDE = 640
"""Input height and width, pixels."""
CELL = 8
"""Side of a grid cell, pixels: the finest of YOLOv8's three grids, the other two stay empty."""
GRID = SIDE // CELL
ANCHORS = sum((SIDE // stride) ** 2 for stride in (8, 16, 32))
WINDOW = (9, 15)
"""(rows, columns) of cells around a cell in which one whole fish has to lie, without others of its species."""
TOLERANCE = 50 / 255
"""Euclidean distance in RGB up to which a pixel has the colour of a species."""
HALF_SURE_CELLS = 3.0
"""Area of a fish, in cells, of which the model is 50 % confident: the larger a fish, the surer."""
MIN_OCCUPIED = 0.1
"""Share of its centre cell that has the colour of a fish at least: the rest may be its eye or lines."""

_Y, _X = 2, 3
_WINDOW_POOLING: dict[str, Any] = {
    "kernel_shape": list(WINDOW),
    "pads": [WINDOW[0] // 2, WINDOW[1] // 2, WINDOW[0] // 2, WINDOW[1] // 2],
}


def build_demo_model(species: Sequence[str], version: str) -> bytes:
    """Build the model as the bytes of an ONNX file; the same arguments give the same bytes.

    Input `images`: (batch, 3, 640, 640) float32, RGB 0..1. Output `output0`: (batch, 4 + classes, 8400) float32:
    cx, cy, w, h in input pixels, then the confidence of each class.

    Args:
        species: Class names in the order of their class_id, each one of `LOOKS`.
        version: Goes to the metadata.
    """
    graph = _Graph()
    mask = _colour_mask(graph, species)
    confidence = _confidence(graph, mask)
    (cx, width), (cy, height) = (_extent(graph, mask, confidence, axis) for axis in (_X, _Y))
    channels = 4 + len(species)
    grid = graph.add("Concat", cx, cy, width, height, confidence, axis=1)
    rows = graph.add("Reshape", grid, graph.integers(0, channels, GRID * GRID))
    graph.add("Pad", rows, graph.integers(0, 0, 0, 0, 0, ANCHORS - GRID * GRID), output="output0")
    model = graph.model(channels)
    helper.set_model_props(model, _metadata(species, version))
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _metadata(species: Sequence[str], version: str) -> dict[str, str]:
    """Return what ultralytics' export writes, as far as readers use it."""
    return {
        "description": "Shoal demo model: finds fish by their colour, not a trained network",
        "author": "Shoal",
        "version": version,
        "license": "Apache-2.0",
        "stride": "32",
        "task": "detect",
        "batch": "1",
        "imgsz": str([SIDE, SIDE]),
        "names": str(dict(enumerate(species))),
    }


class _Graph:
    """Collects nodes; a value is known by the name of what made it."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append one operator and return the name of its output."""
        name = output or f"{op.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def floats(self, values: object) -> str:
        """Add a float32 constant and return its name."""
        return self._constant(np.asarray(values, np.float32))

    def integers(self, *values: int) -> str:
        """Add a list of int64 and return its name: axes, shapes and pads are given so."""
        return self._constant(np.asarray(values, np.int64))

    def _constant(self, values: NDArray[np.generic]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def model(self, channels: int) -> ModelProto:
        """Close the graph between `images` and `output0`; opset 17 and IR 8 load in every runtime since 2022."""
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])
        output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", channels, ANCHORS])
        graph = helper.make_graph(self._nodes, "shoal_demo", [images], [output], self._constants)
        opset = helper.make_opsetid("", 17)
        return helper.make_model(graph, opset_imports=[opset], ir_version=8, producer_name="shoal")


# The three steps. Shapes: (batch, classes, 640, 640) for pixels, (batch, classes, 80, 80) for cells.


def _colour_mask(graph: _Graph, species: Sequence[str]) -> str:
    """Mark the pixels that have the colour of each species with 1.

    The squared distance |x - c|^2 = |x|^2 - 2 c.x + |c|^2 is one 1x1 convolution and a sum.
    """
    colours = np.array([LOOKS[name].rgb for name in species]) / 255
    weights = graph.floats(-2 * colours[:, :, None, None])
    projected = graph.add("Conv", "images", weights, graph.floats((colours**2).sum(axis=1)))
    squares = graph.add("Mul", "images", "images")
    norm = graph.add("ReduceSum", squares, graph.integers(1), keepdims=1)
    distance = graph.add("Add", projected, norm)
    return _as_float(graph, graph.add("Less", distance, graph.floats(TOLERANCE**2)))


def _confidence(graph: _Graph, mask: str) -> str:
    """Score the one cell of each fish that holds the fish's centre of mass, and no other cell.

    All cells whose window holds the whole fish see the same centre; it lies in just one of them.
    """
    occupied = graph.add("AveragePool", mask, kernel_shape=[CELL, CELL], strides=[CELL, CELL])
    mean = _window_mean(graph, occupied)
    area = graph.add("Mul", mean, graph.floats(WINDOW[0] * WINDOW[1]))
    score = graph.add("Div", area, graph.add("Add", area, graph.floats(HALF_SURE_CELLS)))
    # A cell between two fish can be the centre of both: it holds neither.
    inside = _as_float(graph, graph.add("Greater", occupied, graph.floats(MIN_OCCUPIED)))
    score = graph.add("Mul", score, inside)
    for axis in (_X, _Y):
        here = graph.floats(_along(axis, np.arange(GRID) * CELL + CELL / 2))
        moment = _window_mean(graph, graph.add("Mul", occupied, here))
        centre = graph.add("Div", moment, graph.add("Add", mean, graph.floats(1e-6)))
        offset = graph.add("Abs", graph.add("Sub", centre, here))
        score = graph.add("Mul", score, _as_float(graph, graph.add("Less", offset, graph.floats(CELL / 2 + 0.01))))
    return score


def _extent(graph: _Graph, mask: str, confidence: str, axis: int) -> tuple[str, str]:
    """Measure the fish in each cell's window along one axis.

    Returns:
        Names of the centre and the size, pixels, (batch, 1, 80, 80): those of the class with the confidence.
    """
    across, along = ([CELL, 1], [1, CELL]) if axis == _X else ([1, CELL], [CELL, 1])
    strip = graph.add("MaxPool", mask, kernel_shape=across, strides=across)
    pixel = np.arange(SIDE)

    def reach(distance: NDArray[np.int64]) -> str:
        """Return how far from one side of the image the fish reaches."""
        marked = graph.add("Mul", strip, graph.floats(_along(axis, distance)))
        return graph.add("MaxPool", graph.add("MaxPool", marked, kernel_shape=along, strides=along), **_WINDOW_POOLING)

    end, start = reach(pixel + 1), reach(SIDE - pixel)
    side = graph.floats(SIDE)
    twice_centre = graph.add("Add", graph.add("Sub", end, start), side)
    size = graph.add("Sub", graph.add("Add", end, start), side)
    centre = graph.add("Mul", twice_centre, graph.floats(0.5))
    return _of_scoring_class(graph, centre, confidence), _of_scoring_class(graph, size, confidence)


def _of_scoring_class(graph: _Graph, values: str, confidence: str) -> str:
    """Reduce per-class values to one: fish of different species are never centred in the same cell."""
    total = graph.add("ReduceSum", confidence, graph.integers(1), keepdims=1)
    share = graph.add("Div", confidence, graph.add("Add", total, graph.floats(1e-6)))
    return graph.add("ReduceSum", graph.add("Mul", values, share), graph.integers(1), keepdims=1)


def _window_mean(graph: _Graph, cells: str) -> str:
    return graph.add("AveragePool", cells, count_include_pad=1, **_WINDOW_POOLING)


def _as_float(graph: _Graph, condition: str) -> str:
    return graph.add("Cast", condition, to=TensorProto.FLOAT)


def _along(axis: int, values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Shape values so that they broadcast along one axis of (batch, classes, height, width)."""
    return values.reshape((1, 1, 1, -1) if axis == _X else (1, 1, -1, 1))
