"""Every model file that Shoal does not run is named for what it is, with what helps, by plan and worker alike."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families import understand
from shoal.contract.inference import Inference
from shoal.contract.model_card import Card
from shoal.contract.model_info import Graph, Tensor, read_names, resolve_imgsz
from shoal.models import trial
from shoal.models.inspect import inspect_model
from shoal.models.trial import judge_model
from shoal_worker.detector import Detector
from shoal_worker.session import open_model
from worker.images import photo
from worker.onnx_models import constant_model, grid_model

CASES = Path(__file__).parents[2] / "fixtures/cases"
EXPORT = r"yolo export model=best\.pt format=onnx dynamic=True"


def changed(change):
    model = onnx.load_from_string(constant_model())
    change(model)
    return model.SerializeToString()


def with_node(name, domain=""):
    def add(model):
        if domain:
            model.opset_import.append(helper.make_opsetid(domain, 1))
        model.graph.node.append(helper.make_node(name, ["images"], ["unused"], domain=domain))

    return changed(add)


def refusals(path):
    """What the plan's reader says of a file, and what the worker says; None where it is taken."""
    said = []
    for judge in (inspect_model, lambda file: open_model(file.read_bytes())):
        try:
            judge(path)
            said.append(None)
        except ModelRefusedError as err:
            said.append(str(err))
    return said


@pytest.mark.parametrize(
    ("name", "family", "y", "confidence"),
    [
        ("model-metadata/nms-296-classes", "end_to_end", 328, 0.9),
        ("model-metadata/stride-list", "yolov8", 328, 0.9),
        ("model-refusals/yolo11-nms", "end_to_end", 328, 0.9),
        ("model-refusals/yolo26-end2end", "end_to_end", 328, 0.9),
        ("model-refusals/grey-1-channel", "yolov8", 328, 0.9),
        ("model-refusals/yolov5-megadetector", "yolov5", 328, 0.9 * 0.9),  # objectness times class
        ("models-the-worker-refuses/batch8", "yolov8", 328, 0.9),
        ("models-the-worker-refuses/fp16-io", "yolov8", 328, 0.9),
        ("models-the-worker-refuses/nms-dynamic", "end_to_end", 584, 0.9),  # no square: 12 px of padding above
    ],
)
def test_a_model_of_the_reports_runs(name, family, y, confidence):
    """Each answers with one box of 64 x 32 px in the middle of a frame of 640 x 640."""
    path = CASES / f"{name}.onnx"
    judged = judge_model(path)
    assert (judged.untried, judged.understood.family.codec.split(":")[0]) == ("", f"shoal_worker.families.{family}")
    model = open_model(path.read_bytes())
    (box,) = (
        Detector(model, Inference(resolve_imgsz(model.info, None), model.info.rect))
        .detect(photo(1280, 720))
        .to_columns()["detections"]
    )
    assert [box[side] for side in ("x1", "y1", "x2", "y2")] == [576, y, 704, y + 64]
    assert box["class_id"] == 0
    assert box["confidence"] == pytest.approx(confidence, abs=1e-3)


YOLO = {"task": "detect", "names": "{0: 'fish', 1: 'crab'}", "imgsz": "[640, 640]"}
TRAINED_ON = "Ultralytics YOLOv8n model trained on /data/rtdetr/fish.yaml"
V5 = {"stride": "32", "names": YOLO["names"]}
SQUARE = (1, 3, 640, 640)


def graph_of(metadata, image, *outputs, card=None, **named):
    """A graph of floats with one image, and outputs of these shapes."""
    shapes = {f"output{number}": shape for number, shape in enumerate(outputs)} | named
    tensors = [Tensor(name, "tensor(float)", shape) for name, shape in shapes.items()]
    return Graph(metadata, [Tensor("images", "tensor(float)", image)], tensors, card)


SIZES = Tensor("orig_target_sizes", "tensor(int64)", ("N", 2))
AUTHORS = graph_of({}, ("N", 3, 640, 640), labels=("N", 300), boxes=("N", 300, 4), scores=("N", 300))


@pytest.mark.parametrize(
    ("graph", "family"),
    [
        pytest.param(graph_of(YOLO, SQUARE, (1, 6, 8400)), "yolov8", id="YOLOv8"),
        pytest.param(graph_of({**YOLO, "end2end": "True"}, SQUARE, (1, 300, 6)), "end_to_end", id="YOLO26"),
        pytest.param(graph_of(YOLO, SQUARE, (1, 300, 6)), "end_to_end", id="chosen boxes, and no word of it"),
        pytest.param(graph_of({**YOLO, "args": "{'nms': True}"}, SQUARE, (1, None, None)), "end_to_end", id="nms=True"),
        pytest.param(graph_of(V5, SQUARE, (1, 25200, 7)), "yolov5", id="YOLOv5"),
        pytest.param(graph_of({**V5, "names": "['fish']"}, SQUARE, (1, 25200, 6)), "yolov5", id="YOLOv5 of one class"),
        pytest.param(graph_of({**V5, "names": "['fish']"}, (1, 3, 64, 64), (1, 252, 6)), "yolov5", id="a small one"),
        pytest.param(
            graph_of({**V5, "imgsz": "640"}, ("b", 3, "h", "w"), ("b", "n", "c")), "yolov5", id="YOLOv5, open"
        ),
        pytest.param(graph_of({**YOLO, "head": "RTDETRDecoder"}, SQUARE, (1, 300, 6)), "rtdetr", id="RT-DETR"),
        pytest.param(
            graph_of({**YOLO, "names": "['fish']", "description": "Ultralytics rtdetr-l model"}, SQUARE, (1, 300, 6)),
            "rtdetr",
            id="earlier",
        ),
        pytest.param(
            graph_of({**YOLO, "head": "RTDETRDecoder"}, ("b", 3, "h", "w"), ("b", "q", "anchors")),
            "rtdetr",
            id="RT-DETR, dynamic",
        ),
        pytest.param(
            graph_of({**YOLO, "head": "RTDETRDecoder"}, SQUARE, (1, 300, 6), card=Card(family="end_to_end")),
            "end_to_end",
            id="a card before all words",
        ),
        pytest.param(
            graph_of({**YOLO, "description": TRAINED_ON}, SQUARE, (1, 6, 8400)), "yolov8", id="data in a folder rtdetr"
        ),
        pytest.param(
            graph_of({**YOLO, "description": TRAINED_ON, "end2end": "True"}, SQUARE, (1, 300, 6)),
            "end_to_end",
            id="likewise, YOLO26",
        ),
        pytest.param(
            graph_of({**YOLO, "description": "Ultralytics rtdetr-l model", "head": "Detect"}, SQUARE, (1, 6, 8400)),
            "yolov8",
            id="the head alone decides",
        ),
        pytest.param(
            graph_of({**YOLO, "names": repr(list("abc"))}, SQUARE, (1, 300, 7)), "rtdetr", id="RT-DETR by its shape"
        ),
        pytest.param(
            replace(AUTHORS, metadata={"names": "['fish']"}, inputs=[SIZES, *AUTHORS.inputs]),
            "rtdetr_original",
            id="RT-DETR of its authors, inputs in any order",
        ),
        pytest.param(
            graph_of({"names": "['fish']"}, SQUARE, dets=(1, 300, 4), labels=(1, 300, 1)), "rfdetr", id="RF-DETR"
        ),
        pytest.param(
            graph_of(
                {"names": "['a', 'b', 'c']"},
                (1, 3, 560, 560),
                card=Card(outputs={"boxes": "b", "scores": "s"}, background=0),
                s=(1, 300, 4),
                b=(1, 300, 4),
                masks=(1, 300, 140, 140),
            ),
            "rfdetr",
            id="RF-DETR of three classes with masks, by the card's names",
        ),
    ],
)
def test_a_family_is_told_by_words_before_shapes(graph, family):
    understood = understand(graph)
    assert understood.family.codec.split(":")[0] == f"shoal_worker.families.{family}"


def test_a_card_says_what_an_rf_detr_s_file_does_not():
    graph = graph_of(
        {"names": "['a', 'b']"}, (1, 3, 560, 560), card=Card(background=-1), dets=(1, 9, 4), labels=(1, 9, 3)
    )
    info = understand(graph).info
    assert (info.background, info.resize, info.mean, info.imgsz) == (2, "stretch", (0.485, 0.456, 0.406), (560, 560))
    assert resolve_imgsz(info, None) == (560, 560)
    other = replace(graph, card=Card(background=0, mean=(0, 0, 0), std=(1, 1, 1)))
    assert (understand(other).info.background, understand(other).info.mean) == (0, (0, 0, 0))


@pytest.mark.parametrize(
    ("stride", "side", "asked", "runs_at"),
    [
        pytest.param("32", 299, None, (299, 299), id="no multiple of the stride"),
        pytest.param("32", 500, (500, 500), (500, 500), id="likewise, asked for"),
        pytest.param("1", 299, None, (299, 299), id="a stride of 1"),
    ],
)
def test_a_static_input_runs_at_its_size_whatever_the_stride(stride, side, asked, runs_at):
    info = understand(graph_of({**YOLO, "stride": stride}, (1, 3, side, side), (1, 6, 2000))).info
    assert resolve_imgsz(info, asked) == runs_at
    with pytest.raises(
        ModelRefusedError, match=rf"fixed at {side}x{side} px, imgsz 320x320 was asked for - drop model"
    ):
        resolve_imgsz(info, (320, 320))


RF = {"dets": (1, 300, 4), "labels": (1, 300, 3)}
GREY = (1, 1, 640, 640)


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        pytest.param(
            Card(background=-1, stride=32),
            "says stride, and family rfdetr has no use for it - leave it out",
            id="stride",
        ),
        pytest.param(
            Card(background=-1, outputs={"labels": "labels"}),
            "says which output is labels, and family rfdetr does not ask: it asks for boxes, scores - leave it out",
            id="an output of another family's",
        ),
    ],
)
def test_what_a_card_says_and_an_rf_detr_would_not_read_is_refused(card, sentence):
    with pytest.raises(ModelRefusedError, match=sentence):
        understand(graph_of({"names": "['a', 'b']"}, SQUARE, card=card, **RF))


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        pytest.param(
            graph_of({"names": "['a', 'b']"}, SQUARE, **RF),
            r"3 columns of scores for 2 names, and nothing says which .* into model\.yaml beside it: background: -1",
            id="a background that nobody names",
        ),
        pytest.param(
            graph_of({"names": "['a', 'b']"}, SQUARE, card=Card(background=3), **RF),
            r"has 3 columns of scores, model\.yaml calls number 3 the background - write 0 to 2, or -1",
            id="a background that is none",
        ),
        pytest.param(
            graph_of({"names": "['a']"}, SQUARE, card=Card(background=-1), **RF),
            r"3 columns of scores, one of them background, and 1 names - name 2 classes in model\.yaml",
            id="too few names",
        ),
        pytest.param(
            graph_of({**YOLO, "description": "Ultralytics rtdetr-l model"}, SQUARE, (1, 300, 6)),
            r"an RT-DETR of two classes, and nothing says whether .* - export it with: .* or write family: rtdetr into model",
            id="an earlier RT-DETR of two classes",
        ),
        pytest.param(
            graph_of({}, SQUARE, dets=(1, 100, 5), labels=(1, 100)),
            r"has outputs dets and labels \(1x100x5 and 1x100\), as mmdeploy writes for models of mmdetection; Shoal does not run",
            id="mmdetection",
        ),
        pytest.param(
            graph_of({}, SQUARE, **RF, masks=(1, 300, 99, 99)),
            r"RF-DETR with more than boxes .* write into model\.yaml beside it: outputs: \{boxes: dets, scores: labels\}",
            id="RF-DETR with masks",
        ),
        pytest.param(
            graph_of({"names": "['a', 'b']"}, GREY, card=Card(background=-1), **RF),
            r"RF-DETR that takes one channel, and nothing says .* such as mean: \[0\.45",
            id="a grey RF-DETR",
        ),
        pytest.param(
            graph_of({}, SQUARE, **RF),
            r"is an RF-DETR, whose file has no class names - .*background: -1$",
            id="RF-DETR",
        ),
        pytest.param(
            replace(AUTHORS, inputs=[*AUTHORS.inputs, SIZES]),
            r"is an RT-DETR as its authors export it, whose file has no class names - write them into model\.yaml",
            id="RT-DETR of its authors",
        ),
        pytest.param(
            graph_of(V5, ("b", 3, "h", "w"), ("b", "n", 7)),
            r"has no imgsz and its input is dynamic - write .* into model\.yaml beside it, such as imgsz: \[1280, 1280\]",
            id="YOLOv5 of any size",
        ),
        pytest.param(
            graph_of(V5, SQUARE, (1, 8400, 7)), "as YOLOX and YOLOv6 have, .*Shoal does not run it", id="YOLOX"
        ),
        pytest.param(
            graph_of({**YOLO, "end2end": "True"}, SQUARE, (1, 6, 8400)),
            r"say that its graph chooses the boxes \(end2end or nms=True\), and its output \(1x6x8400\) has them all - export",
            id="raw boxes, said to be chosen",
        ),
        pytest.param(
            graph_of(YOLO, SQUARE, boxes=("n", 4), labels=("n",), scores=("n",)),
            "has outputs boxes and scores, as torchvision's detectors and SSD have; Shoal does not run it",
            id="torchvision",
        ),
        pytest.param(
            graph_of(YOLO, (1, 640, 640, 3), (1, 6, 8400)), "channels last, as TensorFlow has them", id="NHWC"
        ),
        pytest.param(
            graph_of(YOLO, (1, 5, 640, 640), (1, 6, 8400)),
            r"takes images of 5 channels, Shoal gives it 3 \(RGB\) or 1 \(grey\)",
            id="five channels",
        ),
        pytest.param(graph_of(YOLO, SQUARE, (1, 8400, 6)), "has its output turned round", id="turned round"),
        pytest.param(
            graph_of(YOLO, SQUARE, (1, 64, 80, 80), (1, 64, 40, 40), (1, 64, 20, 20)),
            "ends before its last layer",
            id="cut for an edge device",
        ),
        pytest.param(
            graph_of({}, SQUARE, (1, 6, 8400)), r"has task None: .* or say them in model\.yaml beside it", id="no words"
        ),
        pytest.param(
            graph_of({"names": YOLO["names"]}, SQUARE, (1, 6, 8400)),
            r"has task None and outputs 1x6x8400, .* write family: yolov8 \(or another\) into model\.yaml",
            id="names alone",
        ),
        pytest.param(
            replace(graph_of(YOLO, SQUARE, (1, 6, 8400)), inputs=[*AUTHORS.inputs, SIZES]),
            "has 2 inputs .*and to an RT-DETR of its authors orig_target_sizes",
            id="two inputs",
        ),
        pytest.param(
            replace(graph_of(YOLO, SQUARE), outputs=[Tensor("output0", "tensor(double)", (1, 6, 8400))]),
            r"output0 is tensor\(double\), Shoal runs tensor\(float\) and tensor\(float16\) - export without int8=True",
            id="double precision",
        ),
        pytest.param(
            graph_of({**YOLO, "task": "depth"}, SQUARE, (1, 1, 640)),
            "has task 'depth', Shoal runs .*'detect'",
            id="depth",
        ),
    ],
)
def test_what_is_not_run_is_named_with_what_helps(graph, sentence):
    with pytest.raises(ModelRefusedError, match=sentence) as caught:
        understand(graph)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("Model ")


def test_strides_in_a_list_are_read():
    assert inspect_model(CASES / "model-metadata/stride-list.onnx").info.stride == 32


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"", "0 bytes is empty: its upload failed", id="an empty file"),
        pytest.param(
            b"PK\x03\x04" + bytes(99), rf"is a ZIP archive, as PyTorch's .pt files are .*{EXPORT}", id="a .pt"
        ),
        pytest.param(b"\x80\x02}q\x00." + bytes(99), "is a Python pickle, as old .pt files", id="an old .pt"),
        pytest.param(b"\n <!DOCTYPE html><p>Sign in", "is an HTML page, as a login or an error page is", id="HTML"),
        pytest.param(b"<?xml version='1.0'?><Error/>", "is XML, as a store's error", id="a store's error"),
        pytest.param(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
            "is a Git LFS pointer, .* git lfs pull",
            id="a Git LFS pointer",
        ),
        pytest.param(b"\x1c\x00\x00\x00TFL3" + bytes(99), f"is a TensorFlow Lite model - .*{EXPORT}", id="TFLite"),
        pytest.param(constant_model()[:300], "is ONNX that is damaged or ends early .*broken off", id="half a file"),
        pytest.param(b"not a model at all", f"18 bytes is not ONNX - .*{EXPORT}", id="something else"),
    ],
)
def test_a_file_that_is_no_model_is_named_by_its_first_bytes(tmp_path, data, sentence):
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    planned, opened = refusals(path)
    assert planned == opened
    with pytest.raises(ModelRefusedError, match=sentence):
        judge_model(path)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(
            changed(lambda model: setattr(model, "ir_version", 99)), "newer IR version .* opset=17", id="IR 99"
        ),
        pytest.param(
            changed(lambda model: setattr(model.opset_import[0], "version", 99)),
            "newer opset .* opset=17",
            id="opset 99",
        ),
        pytest.param(with_node("Foo"), "uses an operator that ONNX Runtime does not have", id="unknown operator"),
        pytest.param(
            with_node("Foo", "com.example"), r"uses an operator .*com\.example:Foo", id="operator of another domain"
        ),
    ],
)
def test_what_only_onnx_runtime_refuses_is_refused_by_the_plan_too(tmp_path, data, sentence):
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelRefusedError, match=sentence) as caught:
        judge_model(path)
    assert "\n" not in str(caught.value)


def test_names_that_do_not_fit_a_free_output_are_found_by_the_trial(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(grid_model(shape=(0, -1, 200), channels="channels"))  # 400 cells of 6 are 12 channels of 200
    with pytest.raises(ModelRefusedError, match=r"output has shape \[1, 12, 200\], its 2 names need \[1, 6, anchors\]"):
        judge_model(path)


def test_a_model_that_runs_is_tried_once(tmp_path, monkeypatch):
    asked = []
    ask = trial._ask_worker
    monkeypatch.setattr(trial, "_ask_worker", lambda path: asked.append(path) or ask(path))
    monkeypatch.setattr(trial, "_ANSWERS", {})
    path = tmp_path / "model.onnx"
    path.write_bytes(constant_model())
    assert [judge_model(path).untried for _ in range(2)] == ["", ""]
    assert len(asked) == 1


def test_a_trial_that_cannot_be_made_is_said_and_refuses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(constant_model())
    monkeypatch.setattr(trial, "_ANSWERS", {})
    monkeypatch.setattr(trial, "LIMIT_S", 0.01)
    assert judge_model(path).untried == "not run for trial: it took more than 0 s"
    monkeypatch.setattr(trial, "_NEEDS", ("no_such_runtime",))
    assert "no_such_runtime is not installed here" in judge_model(path).untried


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("{0: 'fish', 1: 'crab'}", ("fish", "crab"), id="ultralytics"),
        pytest.param("['fish', 'crab']", ("fish", "crab"), id="a list"),
        pytest.param('{"0": "fish", "1": "crab"}', ("fish", "crab"), id="JSON by number"),
        pytest.param('["fish", "crab"]', ("fish", "crab"), id="a list in JSON"),
        pytest.param("{1: 'crab', 0: 'fish'}", ("fish", "crab"), id="out of order"),
    ],
)
def test_names_are_read_as_exporters_write_them(text, names):
    assert read_names(text) == names


@pytest.mark.parametrize("text", [None, "", "{}", "[]", "{1: 'crab'}", "{'fish': 0}", "[[1]]", "fish", "{0: 'fish'"])
def test_names_that_name_no_class_by_number_are_refused(text):
    with pytest.raises(ModelRefusedError, match=r"class names|names no classes|names by") as caught:
        read_names(text)
    assert "\n" not in str(caught.value)


DIM = st.one_of(st.none(), st.integers(-2, 10_000), st.sampled_from(["batch", "height"]))
SHAPE = st.lists(DIM, max_size=5).map(tuple)
LITERAL = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(-1, 4) | st.text(max_size=2), inner, max_size=4)
    ),
    max_leaves=6,
).map(repr)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "task": st.sampled_from(["detect", "segment", "pose", "", "\n"]),
        **{key: LITERAL | st.text(max_size=20) for key in ("names", "stride", "imgsz", "args", "end2end")},
    },
)


@settings(max_examples=100)
@given(METADATA, SHAPE, st.lists(SHAPE, min_size=1, max_size=3), st.booleans())
def test_whatever_a_file_says_it_is_understood_or_refused_in_one_line(metadata, image, outputs, plausible):
    if plausible:
        metadata = {"task": "detect", "names": "{0: 'fish'}", "imgsz": "[640, 640]", **metadata}
        image = (1, 3, *image[:2])
    graph = Graph(
        metadata,
        [Tensor("images", "tensor(float)", image)],
        [Tensor(f"output{number}", "tensor(float)", shape) for number, shape in enumerate(outputs)],
    )
    info, refusal = None, ""
    try:
        info = understand(graph).info
    except ModelRefusedError as err:
        refusal = str(err)
    assert "\n" not in refusal
    assert len(refusal) < 1000
    if info is not None:
        assert len(info.names) >= 1
        assert info.stride >= 1
        assert min(info.imgsz) >= 1
