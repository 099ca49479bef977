import json
import subprocess
import sys

import pytest
from PIL import Image

from shoal.contract.inference import Inference
from worker.images import dark_jpeg, encoded, photo, saved
from worker.onnx_models import constant_model
from worker.processes import worker_env

BOXES = [(320, 192, 64, 32, 0.25, 0.75), (100, 192, 64, 32, 0.2, 0.1)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.onnx").write_bytes(constant_model(BOXES))
    (tmp_path / "static.onnx").write_bytes(constant_model(BOXES, hw=(640, 640), anchors=2))
    (tmp_path / "good.jpg").write_bytes(encoded(photo(1280, 720)))
    (tmp_path / "half.jpg").write_bytes(dark_jpeg()[:-10])
    (tmp_path / "text.jpg").write_bytes(b"no image")
    (tmp_path / "planned.json").write_text(json.dumps(Inference((640, 640), rect=True).to_json()))
    return tmp_path


def predict(folder, *arguments):
    command = [sys.executable, "-m", "shoal_worker", "predict", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=worker_env(), capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_predict_prints_one_object_per_image_in_the_order_given(folder):
    code, answers, _ = predict(folder, "--model", "model.onnx", "half.jpg", "good.jpg", "text.jpg")
    assert code == 0
    assert answers == [
        {
            "image": "half.jpg",
            "status": "failed",
            "reason": "truncated",
            "detail": "Premature end of JPEG file (31 of 48 rows)",
            "damaged": None,
            "width": 64,
            "height": 48,
            "detections": None,
        },
        {
            "image": "good.jpg",
            "status": "processed",
            "reason": None,
            "detail": None,
            "damaged": None,
            "width": 1280,
            "height": 720,
            "detections": [
                {
                    "class_id": 1,
                    "class_name": "Chromis chromis",
                    "confidence": 0.75,
                    "xyxy": [576.0, 328.0, 704.0, 392.0],
                }
            ],
        },
        {
            "image": "text.jpg",
            "status": "failed",
            "reason": "not_image",
            "detail": None,
            "damaged": None,
            "width": None,
            "height": None,
            "detections": None,
        },
    ]


def test_the_pixel_limit_is_the_one_given(folder):
    _, (answer,), _ = predict(folder, "--model", "model.onnx", "--pixel-limit", "921599", "good.jpg")
    assert (answer["reason"], answer["detail"]) == (
        "too_large",
        "921600 pixels, the limit is 921599 (model.pixel_limit)",
    )


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [
        pytest.param([], 921599, id="the plan's"),
        pytest.param(["--pixel-limit", "2000000"], 921599, id="no more than the plan's"),
        pytest.param(["--pixel-limit", "921598"], 921598, id="a lower one"),
    ],
)
def test_planned_settings_hold_the_limits_of_images(folder, arguments, limit):
    planned = Inference((640, 640), rect=True, pixel_limit=921599, scan_limit=3)
    (folder / "planned.json").write_text(json.dumps(planned.to_json()))
    (folder / "scans.jpg").write_bytes(saved(Image.fromarray(photo(64, 48)), "JPEG", progressive=True))
    images = ["good.jpg", "scans.jpg"]
    _, answers, _ = predict(folder, "--model", "model.onnx", "--planned", "planned.json", *arguments, *images)
    assert [(answer["reason"], answer["detail"]) for answer in answers] == [
        ("too_large", f"921600 pixels, the limit is {limit} (model.pixel_limit)"),
        ("too_complex", "10 scans, the limit is 3 (model.scan_limit)"),
    ]


def test_conf_is_the_one_given(folder):
    _, (answer,), _ = predict(folder, "--model", "model.onnx", "--conf", "0.1", "good.jpg")
    assert [box["confidence"] for box in answer["detections"]] == [0.75, 0.2]


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        pytest.param("nothing.jpg", "gone", None, id="no such file"),
        pytest.param(".", "failed", "unreadable", id="a folder"),
    ],
)
def test_a_path_that_cannot_be_read_says_so_and_the_others_are_examined(folder, path, status, reason):
    code, answers, stderr = predict(folder, "--model", "model.onnx", path, "good.jpg")
    assert code == 1
    assert answers[0] == {
        "image": path,
        "status": status,
        "reason": reason,
        "detail": None,
        "damaged": None,
        "width": None,
        "height": None,
        "detections": None,
    }
    assert answers[1]["status"] == "processed"
    assert f"{path} cannot be read" in stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--model", "text.jpg"], "is not ONNX - export it with", id="a model that is none"),
        pytest.param(["--model", "no.onnx"], "no.onnx cannot be read: No such file", id="a missing model"),
        pytest.param(["--model", "static.onnx", "--imgsz", "1280"], "fixed at 640x640 px", id="a size it cannot take"),
        pytest.param(
            ["--model", "model.onnx", "--planned", "text.jpg"],
            "text.jpg holds no settings of inference (Expecting value",
            id="no settings of a plan",
        ),
        pytest.param(
            ["--model", "model.onnx", "--then", "model.onnx", "--planned", "planned.json"],
            "The planned settings are for one model - leave --then out",
            id="two models where the run has one",
        ),
    ],
)
def test_a_refused_model_is_one_line_and_exit_78(folder, arguments, message):
    code, answers, stderr = predict(folder, *arguments, "good.jpg")
    assert (code, answers) == (78, [])
    assert message in stderr
    assert len(stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="nothing"),
        pytest.param(["--model", "model.onnx"], id="no image"),
        pytest.param(["--model", "model.onnx", "--conf", "25", "good.jpg"], id="a share above one"),
        pytest.param(["--model", "model.onnx", "--imgsz", "0", "good.jpg"], id="a size of nothing"),
        pytest.param(
            ["--model", "model.onnx", "--planned", "planned.json", "--iou", "0.5", "good.jpg"], id="settings twice"
        ),
    ],
)
def test_wrong_usage_is_exit_2(folder, arguments):
    code, answers, stderr = predict(folder, *arguments)
    assert (code, answers) == (2, [])
    assert "usage: python -m shoal_worker" in stderr


def test_a_wrong_attempt_name_is_exit_2(folder):
    command = [sys.executable, "-m", "shoal_worker", "run", "--results-bucket", "b", "--plan", "p", "--shard", "0"]
    done = subprocess.run([*command, "--attempt", "A8"], env=worker_env(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "'A8' is not 8 characters of a-z and 0-9" in done.stderr
