"""Models of the tasks beside plain boxes find what ultralytics finds; `tests/fixtures/parity/tasks/README.md` says where that comes from."""

import hashlib
import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from shoal.contract.inference import Inference
from shoal.contract.model_info import resolve_imgsz
from shoal_worker.detector import Detector
from shoal_worker.session import open_model
from worker.run_lengths import decode

FOLDER = Path(__file__, "../../../fixtures/parity/tasks").resolve()
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
CASES = [pytest.param(model, picture, id=f"{model} {picture}") for model in EXPECTED for picture in EXPECTED[model]]


@cache
def detector(model):
    opened = open_model((FOLDER / f"{model}.onnx").read_bytes())
    return Detector(opened, Inference(resolve_imgsz(opened.info, None), opened.info.rect, stored_conf=0.25))


@cache
def image(picture):
    return cv2.imread(str(FOLDER / picture))


@cache
def found(model, picture):
    return detector(model).detect(image(picture))


def enclosing(model, picture):
    height, width = image(picture).shape[:2]
    return np.array(EXPECTED[model][picture]["xyxy"]).clip(0, [width, height, width, height])


@cache
def order(model, picture):
    """Where each expected box stands among those found: processors differ in last bits, and so in what of two that score the same
    comes first."""
    expected, boxes = EXPECTED[model][picture], found(model, picture)
    scores = np.array(expected["confidence"])
    same = (
        (boxes.class_id == np.array(expected["class_id"])[:, None])
        & (np.abs(boxes.confidence - scores[:, None]) <= 1e-4)
        & (np.abs(boxes.xyxy - enclosing(model, picture)[:, None]).max(axis=2) <= 0.05)
    )
    places = []
    for candidates in same:
        assert candidates.any()
        places.append(int(candidates.argmax()))
        same[:, places[-1]] = False  # each is found once
    assert len(places) == len(boxes)
    assert np.abs(np.argsort(places) - np.arange(len(places))).max() <= 3
    return places


def cases_of(*words):
    return [case for case in CASES if any(word in case.values[0] for word in words)]


@pytest.mark.parametrize(("model", "picture"), CASES)
def test_the_input_is_the_same_to_the_last_bit(model, picture):
    (tensor,) = detector(model).tensors(detector(model).frame(image(picture))).values()
    expected = EXPECTED[model][picture]
    assert list(tensor.shape) == expected["input_shape"]
    assert hashlib.sha256(tensor.astype("<f4").tobytes()).hexdigest() == expected["input_sha256"]


@pytest.mark.parametrize(("model", "picture"), cases_of("segment", "pose", "obb"))
def test_boxes_are_the_same_and_in_the_same_order(model, picture):
    assert len(order(model, picture)) > 50


@pytest.mark.parametrize(("model", "picture"), cases_of("segment"))
def test_masks_are_the_same_but_for_pixels_on_their_border(model, picture):
    height, width = image(picture).shape[:2]
    masks = [found(model, picture).masks[place] for place in order(model, picture)]
    pairs = list(zip(EXPECTED[model][picture]["masks"], masks, strict=True))
    assert sum(ours == theirs for ours, theirs in pairs) > 0.9 * len(pairs)
    for ours, theirs in pairs:
        mask, other = decode(ours, height, width), decode(theirs, height, width)
        assert (mask & other).sum() >= 0.999 * (mask | other).sum()


@pytest.mark.parametrize(("model", "picture"), cases_of("pose"))
def test_key_points_are_the_same(model, picture):
    expected = np.array(EXPECTED[model][picture]["keypoints"])
    assert expected.shape[2] == (2 if model == "v8-pose" else 3)
    assert np.allclose(found(model, picture).keypoints[order(model, picture)], expected, atol=0.05, rtol=0)


@pytest.mark.parametrize(("model", "picture"), cases_of("obb"))
def test_boxes_with_an_angle_are_the_same(model, picture):
    expected, xywhr = np.array(EXPECTED[model][picture]["xywhr"]), found(model, picture).xywhr[order(model, picture)]
    assert np.allclose(xywhr[:, :4], expected[:, :4], atol=0.05, rtol=0)
    assert np.allclose(xywhr[:, 4], expected[:, 4], atol=1e-3, rtol=0)


@pytest.mark.parametrize(("model", "picture"), cases_of("classify"))
def test_probabilities_are_the_same(model, picture):
    scores = found(model, picture).by_class
    assert np.allclose(scores, EXPECTED[model][picture]["class_scores"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("conf", [0.3, 0.5])
@pytest.mark.parametrize("model", [model for model in EXPECTED if "classify" not in model])
def test_a_higher_threshold_afterwards_keeps_what_it_would_have_found(model, conf):
    opened = open_model((FOLDER / f"{model}.onnx").read_bytes())
    inference = Inference(resolve_imgsz(opened.info, None), opened.info.rect, stored_conf=conf)
    boxes, all_boxes = Detector(opened, inference).detect(image("wide.jpg")), found(model, "wide.jpg")
    assert 0 < len(boxes) < len(all_boxes)
    assert boxes.xyxy.tolist() == all_boxes.xyxy[all_boxes.confidence > conf].tolist()
