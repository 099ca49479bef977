"""The family of `docs/extending.md`, installed as its reader would: its boxes become rows like all others."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipeline import Pipeline, make_pipeline, worker_command, worker_environment
from shoal.contract.errors import ModelRefusedError
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.hashing import canonical_sha256
from wheels import lay_wheel
from worker.images import encoded, photo
from worker.onnx_models import finished

PAGE = Path(__file__).parents[3] / "docs/extending.md"
SECTION = PAGE.read_text(encoding="utf-8").partition("\n## A task\n")[2]
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", SECTION, re.DOTALL))
BOXES = [(0, 10, 20, 30, 60, 0, 0.25), (0, 288, 176, 352, 208, 1, 0.75), (0, 1, 1, 9, 9, 0, 0.01)]
"""Image, sides, class and confidence; pixels of a frame of 640x384, in which 1280x720 is 640x360 with 12 px of padding above."""


def decoded_model() -> bytes:
    """Answer every image with the same decoded boxes."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "boxes"], ["output0"]),
    ]
    values = {"zero": np.float32(0), "boxes": np.array(BOXES, np.float32)}
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]
    model = onnx.load_from_string(finished(nodes, tensors))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["boxes", 7]))
    return model.SerializeToString()


def lay_example(folder: Path, version: int = 1) -> Path:
    """Lay the page's files out as installed; returns the folder for the path."""
    files = {name: text for name, text in FILES.items() if name != "pyproject.toml"}
    files["boxes7/family.py"] = files["boxes7/family.py"].replace("version = 1 ", f"version = {version} ")
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    return lay_wheel(folder, project["name"], project["entry-points"], files)


@pytest.fixture
def wheel(tmp_path) -> Path:
    return lay_example(tmp_path / "installed")


@pytest.fixture
def pipeline(store, tmp_path) -> Pipeline:
    """A dataset of one photo and one model, which is none of Shoal's own families."""
    made = make_pipeline(store, {"v1": decoded_model()}, tmp_path)
    made.put("20240602-120000-IPC608.jpg", encoded(photo(1280, 720)))
    return made


def path_with(*folders: Path) -> str:
    return ":".join(map(str, (Path(__file__).parents[3] / "include", *folders)))


def work(pipeline, plan, *wheels):
    """Run the plan's one worker with some wheels in its image."""
    environment = {**worker_environment(pipeline.stores), "PYTHONPATH": path_with(*wheels)}
    command = worker_command(pipeline.stores, plan, 0)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def predict(tmp_path, *wheels):
    (tmp_path / "model.onnx").write_bytes(decoded_model())
    (tmp_path / "photo.jpg").write_bytes(encoded(photo(1280, 720)))
    command = [sys.executable, "-m", "shoal_worker", "predict", "--model", "model.onnx", "photo.jpg"]
    environment = {"PYTHONPATH": path_with(*wheels)}
    return subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_predict_runs_a_model_of_the_page_s_family(tmp_path, wheel):
    done = predict(tmp_path, wheel)
    assert done.returncode == 0, done.stderr
    (box,) = json.loads(done.stdout)["detections"]
    assert box == {
        "class_id": 1, "class_name": "Chromis chromis", "confidence": 0.75, "xyxy": [576.0, 328.0, 704.0, 392.0],
    }  # fmt: skip


def test_what_a_card_says_of_the_image_holds_for_the_page_s_family(tmp_path, wheel):
    (tmp_path / "model.yaml").write_text("family: boxes7\nresize: stretch\nmean: [0, 0, 0]\nstd: [1, 1, 1]\n")
    done = predict(tmp_path, wheel)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["detections"][0]["xyxy"] == [
        576.0,
        198.0,
        704.0,
        234.0,
    ]  # 2 and 720 / 640 px for each


def test_without_the_wheel_its_model_is_refused_in_one_line(tmp_path):
    done = predict(tmp_path)
    assert done.returncode == WorkerExit.CONFIG
    assert done.stderr.startswith("Model has outputs boxes x 7, expected one (batch, 4 + classes, anchors) - ")
    assert done.stderr.count("\n") == 1


def test_its_boxes_become_rows_and_numbers_and_its_version_is_the_variant_s(pipeline, wheel, monkeypatch):
    monkeypatch.syspath_prepend(wheel)
    plan = pipeline.plan()
    assert plan.variant.preimage["family"] == "boxes7/1"
    assert plan.job.to_json()["inference"]["family"] == "boxes7/1"
    own = {name: value for name, value in plan.variant.preimage.items() if name != "family"}
    assert plan.variant.sha256 == canonical_sha256({**own, "family": "boxes7/1"}) != canonical_sha256(own)

    done = work(pipeline, plan, wheel)
    assert done.returncode == WorkerExit.DONE, done.stderr
    summary = pipeline.summarize(plan)
    (row,) = pipeline.rows(summary).values()
    assert [(box["class_id"], box["x1"], box["y1"], box["x2"], box["y2"]) for box in row["detections"]] == [
        (1, 576, 328, 704, 392),
        (0, 20, 16, 60, 96),
    ]
    assert row["max_det_reached"] is False
    assert {entry["taxon"]: entry["detections"] for entry in summary.summary["result"]["species"]}[
        "Chromis chromis"
    ] == 1


def test_a_worker_without_the_plan_s_family_says_so_and_stops(pipeline, wheel, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(wheel)
    plan = pipeline.plan()
    without = work(pipeline, plan)
    assert without.returncode == WorkerExit.CONFIG
    assert "shoal.tasks: nothing is named 'boxes7' - there are yolov8" in without.stderr
    later = work(pipeline, plan, lay_example(tmp_path / "later", version=2))
    assert later.returncode == WorkerExit.CONFIG
    assert "The plan was made with model family boxes7/1, here it is boxes7/2 - install the same" in later.stderr


def test_a_plan_without_the_wheel_refuses_its_model(pipeline):
    with pytest.raises(ModelRefusedError, match=r"Model has outputs boxes x 7, expected one"):
        pipeline.plan()
