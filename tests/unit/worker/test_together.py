"""Images that go through a model together are found what each is found alone, whatever the family; and none goes with another."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from shoal.contract.families import understand
from shoal.contract.inference import Inference
from shoal.contract.model_card import Card
from shoal.contract.model_info import resolve_imgsz
from shoal.contract.onnx_file import read_onnx
from shoal_worker.detector import Detector
from shoal_worker.session import OpenedModel, open_model
from shoal_worker.together import DOUBTS, HALF_TOLERANCE, TOLERANCE, Proof, UnlikeError, alike

PARITY = Path(__file__, "../../../fixtures/parity").resolve()
NAMES = ("a", "b", "c", "d")
CARDS = {"rtdetr_original": Card(names=NAMES), "rfdetr": Card(names=NAMES, background=-1)}
MOST_PX, MOST_SCORE = 0.01, 1e-4
"""What an image in a batch may differ by from the same image alone."""

FAMILIES = [
    *("yolov8_grey", "yolo26_end_to_end", "yolo26_half", "yolov5", "rtdetr_dynamic", "rtdetr_original", "rfdetr"),
    *("tasks/v8-segment", "tasks/v8-pose", "tasks/v8-obb", "tasks/v8-classify", "tasks/26-pose-end-to-end"),
]


def open_batch(model, batch="batch"):
    """What an export with `dynamic=True` has: any number of images, wherever the file says one; or another number."""
    if model.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        return
    for tensor in (*model.graph.input, *model.graph.output):
        dim = tensor.type.tensor_type.shape.dim[0]
        dim.Clear()
        setattr(dim, "dim_param" if isinstance(batch, str) else "dim_value", batch)
    shapes = {one.name: one for one in model.graph.initializer}
    shapes |= {node.output[0]: node.attribute[0].t for node in model.graph.node if node.op_type == "Constant"}
    for node in model.graph.node:
        if node.op_type == "Reshape" and node.input[1] in shapes:
            shape = numpy_helper.to_array(shapes[node.input[1]]).copy()
            if shape.size and shape[0] == 1:
                shape[0] = 0  # as many as come in
                shapes[node.input[1]].CopyFrom(numpy_helper.from_array(shape, node.input[1]))
    del model.graph.value_info[:]


@cache
def opened(name, change=open_batch):
    path = PARITY / f"{name}.onnx"
    model = onnx.load(path if path.is_file() else PARITY / name / "model.onnx")
    change(model)
    data, card = model.SerializeToString(), CARDS.get(name)
    if card is None:
        return open_model(data)
    graph = read_onnx(data)
    graph = replace(graph, metadata={**graph.metadata, "names": repr(list(card.names))}, card=card)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return OpenedModel(session, graph, understand(graph))


def detector_of(model):
    return Detector(model, Inference(resolve_imgsz(model.info, None), model.info.rect, max_det=20))


@cache
def images():
    """Three of one size; the frames of rectangular models are of one size, too."""
    wide = cv2.imread(str(PARITY / "tasks/wide.jpg"))
    return wide, np.ascontiguousarray(wide[:, ::-1]), wide // 2 + 60


def look(detector, shown, at_once):
    frames = [detector.frame(image) for image in shown]
    if at_once:
        return detector.detect_frames(frames, [image.shape[:2] for image in shown])
    return [detector.detect_frame(frame, image.shape[:2]) for frame, image in zip(frames, shown, strict=True)]


def assert_same(found, alone):
    one, other = found.to_columns(), alone.to_columns()
    assert one.keys() == other.keys()
    assert one.get("masks") == other.get("masks")
    assert one.get("max_det_reached") == other.get("max_det_reached")
    if "class_scores" in one:
        assert np.abs(np.subtract(one["class_scores"], other["class_scores"])).max() <= MOST_SCORE
        return
    assert found.class_id.tolist() == alone.class_id.tolist()
    assert np.abs(found.confidence - alone.confidence).max(initial=0) <= MOST_SCORE
    assert np.abs(found.xyxy - alone.xyxy).max(initial=0) <= MOST_PX
    for name in ("keypoints", "xywhr"):
        if getattr(found, name) is not None:
            assert np.abs(getattr(found, name) - getattr(alone, name)).max() <= MOST_PX


@pytest.mark.parametrize("name", FAMILIES)
def test_three_images_at_once_are_found_what_each_is_found_alone(name):
    detector = detector_of(opened(name))
    assert detector.most_at_once is None
    alone = look(detector, images(), at_once=False)
    look(detector, images(), at_once=True)  # proves the places, each with its image alone: that says nothing yet
    detector._infer, infer = (lambda frames: _only_whole(frames, infer)), detector._infer
    for found, expected in zip(look(detector, images(), at_once=True), alone, strict=True):
        assert_same(found, expected)
    assert len({str(found.to_columns()) for found in alone}) == 3, "three images that show three things"
    assert all(found.to_columns().get("class_scores") or len(found) > 1 for found in alone)


def _only_whole(frames, infer):
    assert len(frames) == 3, "no place has to be proved any more"
    return infer(frames)


@pytest.mark.parametrize("shown", [1, 3, 4])
def test_a_batch_that_the_export_fixed_is_filled_with_images_and_then_with_nothing(shown):
    detector = detector_of(opened("tasks/v8-obb", lambda model: open_batch(model, 4)))
    assert detector.most_at_once == 4
    pictures = (images() * 2)[:shown]
    alone = look(detector_of(opened("tasks/v8-obb")), pictures, at_once=False)
    for found, expected in zip(look(detector, pictures, at_once=True), alone, strict=True):
        assert_same(found, expected)


@pytest.mark.parametrize(
    ("name", "inference"),
    [
        pytest.param("yolov8_nms", {}, id="a file of one image"),
        pytest.param("yolo26_end_to_end", {"tile": (320, 320), "tile_overlap": 0.2}, id="tiles"),
    ],
)
def test_what_takes_one_image_says_so(name, inference):
    model = opened(name, lambda _: None)
    assert Detector(model, Inference(resolve_imgsz(model.info, None), model.info.rect, **inference)).most_at_once == 1


def forget(model, after=1):
    """Answer zeros for all images but the first: so do exports of ultralytics with `nms=True` and `dynamic=True`."""
    open_batch(model)
    result = model.graph.output[0]
    nodes = [
        helper.make_node("Shape", [f"{result.name}_whole"], ["forget_shape"]),
        helper.make_node("Gather", ["forget_shape", "forget_zero"], ["forget_images"]),
        helper.make_node("Range", ["forget_zero", "forget_images", "forget_one"], ["forget_places"]),
        helper.make_node("Less", ["forget_places", "forget_after"], ["forget_known"]),
        helper.make_node("Cast", ["forget_known"], ["forget_mask"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Reshape", ["forget_mask", "forget_sides"], ["forget_mask3"]),
        helper.make_node("Mul", [f"{result.name}_whole", "forget_mask3"], [result.name]),
    ]
    for node in model.graph.node:
        for number, name in enumerate(node.output):
            if name == result.name:
                node.output[number] = f"{result.name}_whole"
    values = {"zero": np.int64(0), "one": np.int64(1), "after": np.int64(after), "sides": np.array([-1, 1, 1])}
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), f"forget_{k}") for k, v in values.items())
    model.graph.node.extend(nodes)


def test_a_graph_that_forgets_all_but_the_first_image_loses_none_and_is_found_out():
    detector = detector_of(opened("yolo26_end_to_end", forget))
    alone = look(detector, images(), at_once=False)
    for found, expected in zip(look(detector, images(), at_once=True), alone, strict=True):
        assert_same(found, expected)
    with pytest.raises(UnlikeError, match="image 2 of 3 together is answered otherwise than alone"):
        look(detector, images(), at_once=True)


def numbers(*values):
    return {"output0": np.array(values, np.float32)[None]}


def test_a_place_is_believed_once_it_has_shown_something():
    proof, asked = Proof(TOLERANCE), []

    def settle(*together, alone):
        return proof.settle(together, lambda place: asked.append(place) or alone[place])

    nothing, one, other = numbers(0, 0), numbers(0.5, 3), numbers(0.7, 9)
    settle(nothing, nothing, alone=[nothing, nothing])
    assert asked == [0, 1]
    settle(one, nothing, alone=[one, nothing])
    assert asked == [0, 1, 0, 1], "an image without boxes proves nothing"
    settle(one, other, alone=[one, other])
    assert asked == [0, 1, 0, 1, 1]
    settle(other, one, one, alone=[None, None, one])
    assert asked == [0, 1, 0, 1, 1, 2], "only what is new"


def test_until_it_is_believed_what_an_image_shows_alone_counts():
    proof = Proof(TOLERANCE)
    settled = proof.settle([numbers(0, 0)] * 2, lambda place: numbers(place, 1))
    assert [one["output0"].tolist() for one in settled] == [[[0, 1]], [[1, 1]]]
    assert DOUBTS == 2
    with pytest.raises(UnlikeError):
        proof.settle([numbers(0, 0)] * 2, lambda place: numbers(place, 1))


@pytest.mark.parametrize(
    ("together", "alone", "same"),
    [
        pytest.param((1, 2, 640.4), (1, 2, 640), True, id="rounding"),
        pytest.param((1, 2, 641), (1, 2, 640), False, id="a pixel and more"),
        pytest.param((0.5, 0.9), (0.9, 0.5), True, id="lines that changed places"),
        pytest.param((0.5, 0.0), (0.5, 0.9), False, id="one that is missing"),
        pytest.param((np.nan, 1), (1, np.nan), True, id="no numbers"),
    ],
)
def test_outputs_are_alike_where_they_differ_by_rounding(together, alone, same):
    assert alike(numbers(*together), numbers(*alone), TOLERANCE) is same
    assert HALF_TOLERANCE > TOLERANCE
