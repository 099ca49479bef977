"""Each family finds what its own runtime found: on six photos, with 20 boxes and more above 0.25 on each, raw outputs too."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from shoal.contract.families import understand
from shoal.contract.inference import Inference
from shoal.contract.model_card import Card
from shoal.contract.model_info import resolve_imgsz
from shoal.contract.onnx_file import read_onnx
from shoal_worker.detector import Detector
from shoal_worker.image.decode import decode
from shoal_worker.session import OpenedModel

FIGURES = Path(__file__).parents[2] / "fixtures/parity"
NAMES = ("a", "b", "c", "d")
CARDS = {"rtdetr_original": Card(names=NAMES), "rfdetr": Card(names=NAMES, background=-1)}
"""What `model.yaml` says beside files without words."""


@cache
def decoded(path):
    return decode(path.read_bytes(), 100_000_000).image


def left(model):
    """The file as it is."""


@cache
def opened(name, change=left):
    """A model of the fixtures, as the worker opens it; `change` edits the file first."""
    model = onnx.load(FIGURES / name / "model.onnx")
    change(model)
    data = model.SerializeToString()
    graph = read_onnx(data)
    card = CARDS.get(name)
    if card:
        graph = replace(graph, metadata={**graph.metadata, "names": repr(list(card.names))}, card=card)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return OpenedModel(
        ort.InferenceSession(data, options, providers=["CPUExecutionProvider"]), graph, understand(graph)
    )


def detector_of(model):
    return Detector(model, Inference(resolve_imgsz(model.info, None), model.info.rect))


def assert_alike(name, detector, photos, most_px, most_score=1e-5):
    """Every box, class and score is that of the figures, whatever comes first of two that score the same.

    Processors differ in a float's last bits, and what scores the same as the last of `max_det` boxes may stand in its place.
    """
    figures = np.load(FIGURES / name / "figures.npz")
    for photo in photos:
        wanted = figures[f"{photo.stem}/boxes"]
        assert (wanted[:, 4] > 0.25).sum() >= 20, photo.stem
        found = detector.detect(decoded(photo))
        height, width = decoded(photo).shape[:2]
        sides = np.clip(wanted[:, :4], 0, [width, height, width, height])  # the runtime of RT-DETR leaves boxes beyond
        same = (
            (found.class_id[:, None] == wanted[:, 5])
            & (np.abs(found.xyxy[:, None] - sides).max(axis=2) <= most_px)
            & (np.abs(found.confidence[:, None] - wanted[:, 4]) <= most_score)
        )
        assert len(found) == len(wanted), photo.stem
        cut = wanted[-1, 4] + most_score if found.max_det_reached else 0
        for confidence, candidates in zip(found.confidence, same, strict=True):
            if candidates.any():
                same[:, candidates.argmax()] = False  # each is found once
            else:
                assert confidence <= cut, photo.stem


@pytest.mark.parametrize(
    ("name", "family", "most_px"),
    [
        pytest.param("yolo26_end_to_end", "end_to_end", 1e-3, id="YOLO26 end to end"),
        pytest.param("yolo26_half", "end_to_end", 1e-2, id="half precision in and out"),
        pytest.param("yolov8_nms", "end_to_end", 1e-3, id="nms=True, filled up with zeros"),
        pytest.param("yolov8_grey", "yolov8", 1e-3, id="one channel"),
        pytest.param("yolov5", "yolov5", 1e-3, id="YOLOv5, dynamic"),
        pytest.param("yolov5_megadetector", "yolov5", 5e-3, id="stride 64, and metadata as MegaDetector's"),
        pytest.param("rtdetr", "rtdetr", 1e-3, id="RT-DETR of ultralytics"),
        pytest.param("rtdetr_original", "rtdetr_original", 1e-2, id="RT-DETR of its authors"),
        pytest.param("rfdetr", "rfdetr", 2e-2, id="RF-DETR, background last"),
    ],
)
def test_boxes_are_those_of_the_family_s_own_runtime(obsea_photos, name, family, most_px):
    model = opened(name)
    assert model.understood.family.codec.startswith(f"shoal_worker.families.{family}:")
    assert_alike(name, detector_of(model), obsea_photos, most_px, 1e-3 if name == "rfdetr" else 1e-5)


@pytest.mark.parametrize("name", ["yolo26_end_to_end", "yolo26_half", "yolov8_grey", "yolov5", "rtdetr"])
def test_raw_outputs_are_those_of_the_runtime(obsea_photos, name):
    """The tensors that go in are the same, byte for byte: so are those that come out, but for last bits by processor."""
    model = opened(name)
    detector = detector_of(model)
    figures = np.load(FIGURES / name / "figures.npz")
    for photo in obsea_photos:
        (raw,) = model.session.run(None, dict(detector.tensors(detector.frame(decoded(photo)))))
        lines = raw[0].T if name == "yolov8_grey" else raw[0]
        found = lines[figures[f"{photo.stem}/raw_lines"]].astype(np.float32)
        apart = np.abs(found - figures[f"{photo.stem}/raw"]).max(axis=1)
        assert (apart > 1e-3).sum() <= 2, f"{photo.stem}: two lines that score the same may have changed places"


@pytest.mark.parametrize(("name", "at"), [("rtdetr_original", 1), ("rfdetr", 0)])
def test_raw_outputs_in_two_pieces_are_those_of_the_runtime(obsea_photos, name, at):
    model = opened(name)
    detector = detector_of(model)
    figures = np.load(FIGURES / name / "figures.npz")
    for photo in obsea_photos:
        raw = model.session.run(None, dict(detector.tensors(detector.frame(decoded(photo)))))
        assert np.abs(raw[at + 1][0] - figures[f"{photo.stem}/raw_scores"]).max() < 1e-3
        assert np.abs(raw[at][0] - figures[f"{photo.stem}/raw"]).max() < 1e-3 * (1 if name == "rfdetr" else 320)


def test_a_fixed_batch_is_filled_up_and_gives_the_same_boxes(obsea_photos):
    def fix(model):
        for tensor in (model.graph.input[0], model.graph.output[0]):
            tensor.type.tensor_type.shape.dim[0].dim_value = 4

    assert_alike("yolo26_end_to_end", detector_of(opened("yolo26_end_to_end", fix)), obsea_photos[:2], 1e-3)


def test_an_rt_detr_whose_export_left_every_side_open_gives_the_same_boxes(obsea_photos):
    """As `dynamic=True` writes it: ultralytics calls the six values of a query anchors."""

    def open_sides(model):
        names = ("batch", "Concatoutput0_dim_1", "anchors")
        for dim, name in zip(model.graph.output[0].type.tensor_type.shape.dim, names, strict=True):
            dim.dim_param = name

    assert_alike("rtdetr", detector_of(opened("rtdetr", open_sides)), obsea_photos[:2], 1e-3)


def test_thresholds_apply_to_chosen_boxes_as_they_do_after_nms(obsea_photos):
    model = opened("yolo26_end_to_end")
    everything = detector_of(model).detect(decoded(obsea_photos[0]))
    assert everything.max_det_reached, "all 300 lines of the graph score more than 0.05: there may be more"
    for inference in (Inference((320, 320), rect=True, stored_conf=0.25), Inference((320, 320), rect=True, max_det=7)):
        few = Detector(model, inference).detect(decoded(obsea_photos[0]))
        wanted = (everything.confidence > inference.stored_conf).nonzero()[0][: inference.max_det]
        assert np.array_equal(few.xyxy, everything.xyxy[wanted])
        assert few.max_det_reached is (len(wanted) == 7)
