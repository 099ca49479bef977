"""YOLOv8n with the heads of ultralytics' other tasks, and random weights: masks, key points, boxes with an angle, classes."""

from collections.abc import Callable

import numpy as np
from yolov8n_graph import (
    ANCHORS,
    CLASSES,
    GAIN,
    OUTPUTS,
    SIDE,
    Layers,
    anchors_and_strides,
    backbone,
    head,
    pyramid_of,
    upright,
)

COEFFICIENTS = 32
"""Masks are mixed of so many prototypes."""

POINTS = 17
"""Key points of a box, of x, y and visibility."""

CLASSIFIED_SIDE = 224
"""Input of the classifier, px."""


def segment() -> bytes:
    """Build boxes with coefficients, and the prototypes of their masks at a quarter of the input."""
    layers = Layers()
    pyramid = pyramid_of(layers)
    distances, probabilities = head(layers, pyramid)
    coefficients = _more(layers, pyramid, COEFFICIENTS)
    wide = layers.double(layers.conv(pyramid[0], 64, 3))
    prototypes = layers.conv(layers.conv(wide, 64, 3), COEFFICIENTS, 1)
    layers.add("Identity", prototypes, output="output1")
    _boxes(layers, upright(layers, distances), probabilities, coefficients)
    shapes = {"output0": (OUTPUTS + COEFFICIENTS, ANCHORS), "output1": (COEFFICIENTS, SIDE // 4, SIDE // 4)}
    return layers.close(shapes, {"task": "segment"})


def pose() -> bytes:
    """Build boxes with key points in pixels."""
    layers = Layers()
    pyramid = pyramid_of(layers)
    distances, probabilities = head(layers, pyramid)
    raw = _more(layers, pyramid, 3 * POINTS)
    points = layers.add("Reshape", raw, layers.integers(1, POINTS, 3, ANCHORS))
    anchors, strides = anchors_and_strides()
    twice = layers.add("Mul", _third_side(layers, points, 0, 2), layers.floats(2))
    places = layers.add("Mul", layers.add("Add", twice, layers.floats(anchors - 0.5)), layers.floats(strides))
    seen = layers.add("Sigmoid", _third_side(layers, points, 2, 3))
    joined = layers.add("Concat", places, seen, axis=2)
    flat = layers.add("Reshape", joined, layers.integers(1, 3 * POINTS, ANCHORS))
    _boxes(layers, upright(layers, distances), probabilities, flat)
    return layers.close({"output0": (OUTPUTS + 3 * POINTS, ANCHORS)}, {"task": "pose", "kpt_shape": str([POINTS, 3])})


def obb() -> bytes:
    """Build boxes with an angle, whose centre their own axes move."""
    layers = Layers()
    pyramid = pyramid_of(layers)
    distances, probabilities = head(layers, pyramid)
    share = layers.add("Sub", layers.add("Sigmoid", _more(layers, pyramid, 1)), layers.floats(0.25))
    angle = layers.add("Mul", share, layers.floats(np.pi))
    low, high = layers.channels(distances, 0, 2), layers.channels(distances, 2, 4)
    off = layers.add("Mul", layers.add("Sub", high, low), layers.floats(0.5))
    x, y, cos, sin = (
        layers.channels(off, 0, 1), layers.channels(off, 1, 2), layers.add("Cos", angle), layers.add("Sin", angle),
    )  # fmt: skip
    right = layers.add("Sub", layers.add("Mul", x, cos), layers.add("Mul", y, sin))
    down = layers.add("Add", layers.add("Mul", x, sin), layers.add("Mul", y, cos))
    anchors, strides = anchors_and_strides()
    centre = layers.add("Add", layers.concat(right, down), layers.floats(anchors))
    cells = layers.concat(centre, layers.add("Add", low, high))
    _boxes(layers, layers.add("Mul", cells, layers.floats(strides)), probabilities, angle)
    return layers.close({"output0": (OUTPUTS + 1, ANCHORS)}, {"task": "obb"})


def classify() -> bytes:
    """Build the backbone alone, with a probability for each class."""
    layers = Layers()
    wide = layers.conv(backbone(layers)[2], 1280, 1)
    scores = layers.project(layers.add_known("GlobalAveragePool", wide), CLASSES, GAIN, 0.0)
    layers.add("Softmax", layers.add("Flatten", scores), axis=1, output="output0")
    return layers.close({"output0": (CLASSES,)}, {"task": "classify"}, side=CLASSIFIED_SIDE)


TASKS: dict[str, Callable[[], bytes]] = {"segment": segment, "pose": pose, "obb": obb, "classify": classify}


def _more(layers: Layers, pyramid: tuple[str, str, str], channels: int) -> str:
    """Read what a task adds to boxes off each level of the pyramid: (1, channels, 8400)."""
    width, found = max(16, channels), []
    for features in pyramid:
        deep = layers.conv(layers.conv(features, width, 3), width, 3)
        found.append(layers.flat(layers.project(deep, channels, GAIN, 0.0), channels))
    return layers.concat(*found, axis=2)


def _third_side(layers: Layers, source: str, start: int, end: int) -> str:
    return layers.add("Slice", source, layers.integers(start), layers.integers(end), layers.integers(2))


def _boxes(layers: Layers, sides: str, probabilities: str, more: str) -> None:
    layers.add("Concat", sides, probabilities, more, axis=1, output="output0")
