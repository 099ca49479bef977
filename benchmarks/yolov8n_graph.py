"""YOLOv8n as ultralytics exports it, with random weights: the cost of the real network, and nothing it learned.

Layer by layer the published architecture (yolov8.yaml, scale n, 80 classes): 3.2 million parameters, 8.7 GFLOPs at
640 x 640. Batch norm is folded into the convolutions, as an export does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

SIDE = 640
"""Input height and width, pixels."""
CLASSES = 80
STRIDES = (8, 16, 32)
REG_MAX = 16
"""Bins of the distribution that gives each side of a box."""
OUTPUTS = 4 + CLASSES
ANCHORS = sum((SIDE // stride) ** 2 for stride in STRIDES)
GAIN = 1.6
"""Standard deviation of weights times the square root of their fan-in: keeps activations near 1 through SiLU."""
CLASS_GAIN = 25.0
CLASS_BIAS = -7.4
"""With CLASS_GAIN: a few dozen of the 8400 anchors score above 0.05, as a trained model's do; never all of them."""


def build_yolov8n(batch: int | str = 1) -> bytes:
    """Build the model as the bytes of an ONNX file; always the same ones.

    Args:
        batch: Images that it takes at once, or a name where it leaves that open.

    Input `images`: (batch, 3, 640, 640) float32, RGB 0..1. Output `output0`: (batch, 84, 8400) float32: cx, cy, w, h in
    input pixels, then the probability of each class.
    """
    layers = Layers()
    distances, probabilities = head(layers, pyramid_of(layers))
    layers.add("Concat", upright(layers, distances), probabilities, axis=1, output="output0")
    return layers.close({"output0": (OUTPUTS, ANCHORS)}, {"task": "detect"}, batch=batch)


def pyramid_of(layers: "Layers") -> tuple[str, str, str]:
    """Return the features that a head reads: 64, 128 and 256 channels at strides 8, 16 and 32."""
    eighth, sixteenth, last = backbone(layers)
    return _neck(layers, eighth, sixteenth, layers.sppf(last, 256))


def backbone(layers: "Layers") -> tuple[str, str, str]:
    """Return the features at strides 8, 16 and 32: 64, 128 and 256 channels."""
    stem = layers.conv(layers.conv("images", 16, 3, 2), 32, 3, 2)
    quarter = layers.c2f(stem, 32, repeats=1)
    eighth = layers.c2f(layers.conv(quarter, 64, 3, 2), 64, repeats=2)
    sixteenth = layers.c2f(layers.conv(eighth, 128, 3, 2), 128, repeats=2)
    last = layers.c2f(layers.conv(sixteenth, 256, 3, 2), 256, repeats=1)
    return eighth, sixteenth, last


def _neck(layers: "Layers", eighth: str, sixteenth: str, last: str) -> tuple[str, str, str]:
    """Pass features down the pyramid and up again (PAN)."""
    middle = layers.c2f(layers.concat(layers.upsample(last), sixteenth), 128, repeats=1, shortcut=False)
    fine = layers.c2f(layers.concat(layers.upsample(middle), eighth), 64, repeats=1, shortcut=False)
    middle = layers.c2f(layers.concat(layers.conv(fine, 64, 3, 2), middle), 128, repeats=1, shortcut=False)
    coarse = layers.c2f(layers.concat(layers.conv(middle, 128, 3, 2), last), 256, repeats=1, shortcut=False)
    return fine, middle, coarse


def head(layers: "Layers", pyramid: tuple[str, str, str]) -> tuple[str, str]:
    """Read boxes and classes off each level of the pyramid, decoupled.

    Returns:
        Distances from the anchors to the four sides in cells, (1, 4, 8400), and the probability of each class, (1, 80, 8400).
    """
    boxes, classes = [], []
    for features in pyramid:
        box = layers.conv(layers.conv(features, 64, 3), 64, 3)
        boxes.append(layers.flat(layers.project(box, 4 * REG_MAX, GAIN, 0.0), 4 * REG_MAX))
        scores = layers.conv(layers.conv(features, CLASSES, 3), CLASSES, 3)
        classes.append(layers.flat(layers.project(scores, CLASSES, CLASS_GAIN, CLASS_BIAS), CLASSES))
    probabilities = layers.add("Sigmoid", layers.concat(*classes, axis=2))
    return _distances(layers, layers.concat(*boxes, axis=2)), probabilities


def _distances(layers: "Layers", boxes: str) -> str:
    """Turn distributions over distances from the anchors to the four sides (DFL) into distances."""
    bins = layers.add("Reshape", boxes, layers.integers(0, 4, REG_MAX, ANCHORS))
    chances = layers.add("Softmax", layers.add("Transpose", bins, perm=[0, 2, 1, 3]), axis=1)
    expected = layers.floats(np.arange(REG_MAX).reshape(1, REG_MAX, 1, 1))
    return layers.add("Reshape", layers.add("Conv", chances, expected), layers.integers(0, 4, ANCHORS))


def upright(layers: "Layers", distances: str) -> str:
    """Make cx, cy, w, h in pixels of distances."""
    top_left, bottom_right = (layers.channels(distances, start, start + 2) for start in (0, 2))
    anchors, strides = anchors_and_strides()
    low = layers.add("Sub", layers.floats(anchors), top_left)
    high = layers.add("Add", layers.floats(anchors), bottom_right)
    centre = layers.add("Mul", layers.add("Add", low, high), layers.floats(0.5))
    cells = layers.concat(centre, layers.add("Sub", high, low))
    return layers.add("Mul", cells, layers.floats(strides))


def anchors_and_strides() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the centres of all cells, (1, 2, 8400) x, y in cells of their level, and their strides, (1, 8400)."""
    centres, strides = [], []
    for stride in STRIDES:
        middle = np.arange(SIDE // stride, dtype=np.float32) + 0.5
        y, x = np.meshgrid(middle, middle, indexing="ij")
        centres.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full(middle.size**2, stride, np.float32))
    return np.concatenate(centres, axis=1)[None], np.concatenate(strides)[None]


class Layers:
    """Collects layers; each is known by the name of its output, and its channels are remembered."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._channels = {"images": 3}
        self._random = np.random.default_rng(8)

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append one operator."""
        name = output or f"{op.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def add_known(self, op: str, source: str) -> str:
        """Append one operator that keeps the channels."""
        return self._known(self.add(op, source), self._channels[source])

    def floats(self, values: object) -> str:
        """Add a float32 constant."""
        return self._constant(np.asarray(values, np.float32))

    def integers(self, *values: int) -> str:
        """Add a list of int64."""
        return self._constant(np.asarray(values, np.int64))

    def conv(self, source: str, channels: int, kernel: int, stride: int = 1) -> str:
        """Add ultralytics' Conv: convolution, folded batch norm, SiLU."""
        linear = self._convolve(source, channels, GAIN, 0.0, kernel=kernel, stride=stride)
        return self._known(self.add("Mul", linear, self.add("Sigmoid", linear)), channels)

    def project(self, source: str, channels: int, gain: float, bias: float) -> str:
        """Add the plain 1 x 1 convolution that ends a branch of the head."""
        return self._convolve(source, channels, gain, bias)

    def c2f(self, source: str, channels: int, repeats: int, *, shortcut: bool = True) -> str:
        """Add a cross-stage block of `repeats` bottlenecks."""
        half = channels // 2
        both = self.conv(source, channels, 1)
        first, last = (self.channels(both, start, start + half) for start in (0, half))
        pieces = [first, last]
        for _ in range(repeats):
            deep = self.conv(self.conv(last, half, 3), half, 3)
            last = self._known(self.add("Add", last, deep), half) if shortcut else deep
            pieces.append(last)
        return self.conv(self.concat(*pieces), channels, 1)

    def sppf(self, source: str, channels: int) -> str:
        """Add spatial pyramid pooling: three max pools of 5 x 5, one after another."""
        half = channels // 2
        pieces = [self.conv(source, half, 1)]
        for _ in range(3):
            pooled = self.add("MaxPool", pieces[-1], kernel_shape=[5, 5], strides=[1, 1], pads=[2, 2, 2, 2])
            pieces.append(self._known(pooled, half))
        return self.conv(self.concat(*pieces), channels, 1)

    def upsample(self, source: str) -> str:
        """Double height and width."""
        scales = self.floats([1, 1, 2, 2])
        doubled = self.add("Resize", source, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric")
        return self._known(doubled, self._channels[source])

    def channels(self, source: str, start: int, end: int) -> str:
        """Take some of the channels."""
        part = self.add("Slice", source, self.integers(start), self.integers(end), self.integers(1))
        return self._known(part, end - start)

    def double(self, source: str) -> str:
        """Double height and width by a transposed convolution, which keeps the channels."""
        channels = self._channels[source]
        weights = self._random.standard_normal((channels, channels, 2, 2)) * (GAIN / channels**0.5)
        constants = self.floats(weights), self.floats(np.zeros(channels))
        return self._known(self.add("ConvTranspose", source, *constants, strides=[2, 2]), channels)

    def concat(self, *sources: str, axis: int = 1) -> str:
        """Join along an axis."""
        joined = self.add("Concat", *sources, axis=axis)
        return self._known(joined, sum(self._channels.get(source, 0) for source in sources))

    def flat(self, source: str, channels: int) -> str:
        """Lay height and width out in one row: (1, channels, cells)."""
        return self.add("Reshape", source, self.integers(0, channels, -1))

    def close(
        self,
        outputs: Mapping[str, Sequence[int]],
        words: Mapping[str, str],
        *,
        side: int = SIDE,
        batch: int | str = 1,
    ) -> bytes:
        """Close the graph; opset 17 and IR 8 load in every runtime since 2022.

        Args:
            outputs: Their shapes, without the batch.
            words: Metadata besides those that all have.
            side: Input height and width, pixels.
            batch: Images that it takes at once, or a name.

        Returns:
            The bytes of an ONNX file.
        """
        kind = TensorProto.FLOAT
        images = helper.make_tensor_value_info("images", kind, [batch, 3, side, side])
        told = [helper.make_tensor_value_info(name, kind, [batch, *shape]) for name, shape in outputs.items()]
        graph = helper.make_graph(self._nodes, "yolov8n", [images], told, self._constants)
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=8, producer_name="shoal")
        metadata = {
            "description": "YOLOv8n with random weights",
            "author": "Shoal",
            "version": "0",
            "license": "Apache-2.0",
            "stride": str(STRIDES[-1]),
            "batch": "1",
            "imgsz": str([side, side]),
            "names": str({number: f"class {number}" for number in range(CLASSES)}),
        }
        helper.set_model_props(model, {**metadata, **words})
        return bytes(model.SerializeToString(deterministic=True))

    def _convolve(
        self, source: str, channels: int, gain: float, bias: float, *, kernel: int = 1, stride: int = 1
    ) -> str:
        fan_in = self._channels[source] * kernel**2
        weights = self._random.standard_normal((channels, self._channels[source], kernel, kernel))
        constants = self.floats(weights * (gain / fan_in**0.5)), self.floats(np.full(channels, bias))
        pads, size = [kernel // 2] * 4, [kernel, kernel]
        name = self.add("Conv", source, *constants, kernel_shape=size, strides=[stride, stride], pads=pads)
        return self._known(name, channels)

    def _known(self, name: str, channels: int) -> str:
        self._channels[name] = channels
        return name

    def _constant(self, values: NDArray[np.generic]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(values, name))
        return name
