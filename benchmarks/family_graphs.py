"""One network, YOLOv8n's, with the outputs of each family: what differs between two of boxes is the family alone."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import task_graphs
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from yolov8n_graph import CLASSES, OUTPUTS, SIDE, build_yolov8n

QUERIES = 300
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
Outputs = Sequence[tuple[str, int, Sequence[int]]]
"""Name, type and shape of each."""


def build(family: str) -> bytes:
    """Build the model of a family as the bytes of an ONNX file; `NAMES` lists them."""
    if family in task_graphs.TASKS:
        return task_graphs.TASKS[family]()
    model = onnx.load_from_string(build_yolov8n())
    FAMILIES[family](model)
    return bytes(model.SerializeToString())


def _end_to_end(model: ModelProto) -> None:
    """The 300 best places with corners in pixels, confidence and class."""
    nodes = [
        *_best(),
        *_corners("best_xywh", "best_xyxy"),
        _node("Concat", "best_xyxy", "best", "ids", to="chosen", axis=2),
    ]
    _end(model, nodes, [("chosen", FLOAT, (1, QUERIES, 6))], {"end2end": "True"})


def _yolov5(model: ModelProto) -> None:
    """Three lines a cell, each with an objectness of 1."""
    nodes = [
        _node("Transpose", "output0", to="lines", perm=[0, 2, 1]),
        _node("Split", "lines", "four_and_classes", to="line_xywh line_classes", axis=2),
        _node("Slice", "line_classes", "zero", "one", "two", to="column"),
        _node("Mul", "column", "nothing", to="emptied"),
        _node("Add", "emptied", "whole", to="objectness"),
        _node("Concat", "line_xywh", "objectness", "line_classes", to="third", axis=2),
        _node("Concat", "third", "third", "third", to="raw", axis=1),
    ]
    _end(model, nodes, [("raw", FLOAT, (1, 3 * 8400, OUTPUTS + 1))], {"task": None, "imgsz": None})


def _rtdetr(model: ModelProto) -> None:
    """The 300 best places with centre and size in parts of the image."""
    nodes = [
        *_best(),
        _node("Div", "best_xywh", "side", to="parts"),
        _node("Clip", "parts", "nothing", "whole", to="within"),
    ]
    nodes.append(_node("Concat", "within", "best", "ids", to="chosen", axis=2))
    _end(model, nodes, [("chosen", FLOAT, (1, QUERIES, 6))], {"head": "RTDETRDecoder"})


def _rtdetr_original(model: ModelProto) -> None:
    """Labels, boxes and scores; the size that is asked for scales the boxes."""
    nodes = [
        *_best(),
        *_corners("best_xywh", "best_xyxy"),
        _node("Cast", "orig_target_sizes", to="wanted", to_type=FLOAT),
        _node("Concat", "wanted", "wanted", to="wanted4", axis=1),
        _node("Div", "wanted4", "side", to="gain"),
        _node("Mul", "best_xyxy", "gain", to="boxes"),
        _node("Squeeze", "best", "two", to="scores"),
        _node("Squeeze", "labels3", "two", to="labels"),
    ]
    model.graph.input.append(helper.make_tensor_value_info("orig_target_sizes", INT64, [1, 2]))
    outputs = [("labels", INT64, (1, QUERIES)), ("boxes", FLOAT, (1, QUERIES, 4)), ("scores", FLOAT, (1, QUERIES))]
    _end(model, nodes, outputs, {"task": None})


def _rfdetr(model: ModelProto) -> None:
    """Boxes in parts of the image and raw scores of all classes, of the 300 best places."""
    nodes = [
        *_best(),
        _node("Div", "best_xywh", "side", to="dets"),
        _node("Sub", "whole", "best_classes", to="others"),
        _node("Div", "best_classes", "others", to="odds"),
        _node("Log", "odds", to="labels"),
    ]
    _end(model, nodes, [("dets", FLOAT, (1, QUERIES, 4)), ("labels", FLOAT, (1, QUERIES, CLASSES))], {"task": None})


FAMILIES: dict[str, Callable[[ModelProto], None]] = {
    "yolov8": lambda _: None,
    "end_to_end": _end_to_end,
    "yolov5": _yolov5,
    "rtdetr": _rtdetr,
    "rtdetr_original": _rtdetr_original,
    "rfdetr": _rfdetr,
}
NAMES = (*FAMILIES, *task_graphs.TASKS)


def _best() -> list[NodeProto]:
    """Choose the 300 places that score best: their lines, centre and size, class as number, confidence."""
    return [
        _node("Transpose", "output0", to="lines", perm=[0, 2, 1]),
        _node("Split", "lines", "four_and_classes", to="line_xywh line_classes", axis=2),
        _node("ReduceMax", "line_classes", to="tops", axes=[2], keepdims=0),
        _node("TopK", "tops", "queries", to="top places", axis=1),
        _node("Squeeze", "places", "zero", to="place"),
        _node("Gather", "line_xywh", "place", to="best_xywh", axis=1),
        _node("Gather", "line_classes", "place", to="best_classes", axis=1),
        _node("ArgMax", "best_classes", to="labels3", axis=2),
        _node("Cast", "labels3", to="ids", to_type=FLOAT),
        _node("Unsqueeze", "top", "two", to="best"),
    ]


def _corners(source: str, to: str) -> list[NodeProto]:
    return [
        _node("Split", source, "two_and_two", to="middle extent", axis=2),
        _node("Mul", "extent", "half", to="reach"),
        _node("Sub", "middle", "reach", to="low"),
        _node("Add", "middle", "reach", to="high"),
        _node("Concat", "low", "high", to=to, axis=2),
    ]


def _node(op: str, *inputs: str, to: str, to_type: int | None = None, **attributes: object) -> NodeProto:
    if to_type is not None:
        attributes["to"] = to_type
    return helper.make_node(op, list(inputs), to.split(), **attributes)


def _end(model: ModelProto, nodes: Sequence[NodeProto], outputs: Outputs, words: dict[str, str | None]) -> None:
    """Put the nodes behind the network, in place of its output; words of None go from its metadata."""
    constants = {
        "zero": np.array([0], np.int64), "one": np.array([1], np.int64), "two": np.array([2], np.int64),
        "queries": np.array([QUERIES], np.int64), "four_and_classes": np.array([4, CLASSES], np.int64),
        "two_and_two": np.array([2, 2], np.int64), "half": np.float32(0.5), "side": np.float32(SIDE),
        "nothing": np.float32(0), "whole": np.float32(1),
    }  # fmt: skip
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    model.graph.node.extend(nodes)
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs)
    known = {entry.key: entry.value for entry in model.metadata_props} | words
    helper.set_model_props(model, {key: value for key, value in known.items() if value is not None})
