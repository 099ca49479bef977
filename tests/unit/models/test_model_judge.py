"""Every model file that Shoal does not run is named for what it is, with what helps, by plan and worker alike."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families import understand
from shoal.contract.model_info import Graph, Tensor, read_names
from shoal.models import trial
from shoal.models.inspect import inspect_model
from shoal.models.trial import judge_model
from shoal_worker.session import open_model
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
    ("name", "sentence"),
    [
        ("model-metadata/nms-296-classes", rf"was exported with nms=True .* {EXPORT} nms=False$"),
        ("model-refusals/yolo11-nms", rf"was exported with nms=True .* {EXPORT} nms=False$"),
        ("models-the-worker-refuses/nms-dynamic", rf"was exported with nms=True .* {EXPORT} nms=False$"),
        ("model-refusals/yolo26-end2end", rf"is an end-to-end export .*YOLO26.* {EXPORT} end2end=False"),
        ("model-refusals/grey-1-channel", r"takes images of 1 channel \(grey\), .* channels: 3 in data\.yaml"),
        ("model-refusals/yolov5-megadetector", "is a YOLOv5 .*MegaDetector v5.* Shoal does not run it"),
        ("models-the-worker-refuses/batch8", r"takes 8 images at once, .* export with batch=1$"),
        ("models-the-worker-refuses/fp16-io", r"is tensor\(float16\), .* without half=True or int8=True$"),
    ],
)
def test_a_model_of_the_reports_is_named_with_the_option_that_helps(name, sentence):
    path = CASES / f"{name}.onnx"
    with pytest.raises(ModelRefusedError, match=sentence):
        judge_model(path)
    planned, opened = refusals(path)
    assert planned == opened
    assert "\n" not in planned


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


def test_weights_in_another_file_are_refused_whether_it_is_there_or_not(tmp_path):
    model = onnx.load_from_string(constant_model())
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 6, 2000), np.float32), "large"))
    model.graph.node.append(helper.make_node("Identity", ["large"], ["unused"]))
    path = tmp_path / "model.onnx"
    # As torch.onnx and ultralytics do: large tensors beside the graph, small ones in it.
    onnx.save(model, path, save_as_external_data=True, location="model.onnx.data", size_threshold=1024)
    with pytest.raises(ModelRefusedError, match=r"weights in another file, 'model\.onnx\.data'; .*one file"):
        judge_model(path)
    with pytest.raises(ModelRefusedError, match=r"weights in another file, .model\.onnx\.data.; Shoal runs models"):
        open_model(path.read_bytes())


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


@settings(max_examples=100, deadline=None)
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
