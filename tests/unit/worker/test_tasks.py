"""What the tasks find, as rows hold it and as `predict` prints it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shoal.contract.errors import ModelRefusedError
from shoal.contract.inference import Inference
from shoal.contract.model_info import Graph, ModelInfo, Resize, Tensor
from shoal.contract.tasks import TASKS
from shoal_worker.families.classify import ClassifyCodec
from shoal_worker.families.segment import SegmentCodec
from shoal_worker.tasks.classify import Scores
from shoal_worker.tasks.detect import Detections
from worker.processes import worker_env

MODELS = Path(__file__, "../../../fixtures/parity/tasks").resolve()
FLOATS = "tensor(float)"
NAMES = ("fish", "crab")


def one_box(**more):
    return Detections(
        np.array([1], np.int32),
        np.array([0.5], np.float32),
        np.array([(1, 2, 3, 4)], np.float32),
        max_det_reached=False,
        **more,
    )


BOX = {"class_id": 1, "class_name": "crab", "confidence": 0.5, "xyxy": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("found", "columns", "described"),
    [
        pytest.param(one_box(), {}, {}, id="a box alone"),
        pytest.param(
            one_box(masks=["414"], image_hw=(3, 3)),
            {"masks": ["414"]},
            {"segmentation": {"size": [3, 3], "counts": "414"}},
            id="a mask",
        ),
        pytest.param(
            one_box(masks=[None], image_hw=(3, 3)), {"masks": [None]}, {"segmentation": None}, id="a mask without room"
        ),
        pytest.param(
            one_box(keypoints=np.array([[(1, 2, 0.5), (3, 4, np.nan)]], np.float32)),
            {"keypoints": [[1, 2, 0.5, 3, 4, None]]},
            {"keypoints": [[1, 2, 0.5], [3, 4, None]]},
            id="key points, one of them without a number",
        ),
        pytest.param(
            one_box(keypoints=np.array([[(1, 2), (3, 4)]], np.float32)),
            {"keypoints": [[1, 2, None, 3, 4, None]]},
            {"keypoints": [[1, 2, None], [3, 4, None]]},
            id="key points of a model that says no visibility",
        ),
        pytest.param(
            one_box(
                keypoints=np.array([[(3, 4), (3, 2), (1, 2), (1, 4)]], np.float32),
                xywhr=np.array([(2, 3, 2, 2, 0.25)], np.float32),
            ),
            {"keypoints": [[3, 4, None, 3, 2, None, 1, 2, None, 1, 4, None]], "angles": [0.25]},
            {"xywhr": [2, 3, 2, 2, 0.25]},
            id="an angle, and the corners that the enclosing box does not tell",
        ),
    ],
)
def test_what_boxes_carry(found, columns, described):
    written = found.to_columns()
    assert {name: written[name] for name in written if name not in ("detections", "max_det_reached")} == columns
    assert found.describe(NAMES) == {"detections": [BOX | described]}


@pytest.mark.parametrize(("confidence", "x1"), [(np.inf, 1), (0.5, np.nan)])
def test_a_box_that_no_row_can_hold_is_refused(confidence, x1):
    """As a wheel's family may give it."""
    with pytest.raises(ModelRefusedError, match="a box whose place or confidence is no number - export it again"):
        Detections(
            np.array([1], np.int32),
            np.array([confidence], np.float32),
            np.array([(x1, 2, 3, 4)], np.float32),
            max_det_reached=False,
        )


def test_scores_stand_by_class_and_what_is_no_number_is_unknown():
    scores = Scores(np.array([0.25, np.nan], np.float32))
    assert scores.to_columns() == {"class_scores": [0.25, None]}
    assert scores.describe(NAMES) == {"class_scores": [0.25, None]}


@pytest.mark.parametrize(
    ("output", "message"),
    [
        pytest.param([[0.5, 0.25, 0.25]], r"has shape \[1, 3\], its 2 names need \[1, 2\]", id="more than names"),
        pytest.param([[-1.5, 9.25]], r"scores from -1.5 to 9.25, probabilities .* must be a softmax", id="logits"),
    ],
)
def test_a_classifier_that_gives_no_probabilities_is_refused(output, message):
    graph = Graph({}, [Tensor("images", FLOATS, (1, 3, 8, 8))], [Tensor("output0", FLOATS, (1, "classes"))])
    info = ModelInfo(NAMES, 1, (8, 8), (8, 8), Resize.CENTRE_CROP)
    codec = ClassifyCodec(graph, info, Inference((8, 8), rect=False))
    with pytest.raises(ModelRefusedError, match=message):
        codec.found({"output0": np.array(output, np.float32)}, (8, 8), (8, 8))


@pytest.mark.parametrize(
    ("boxes", "prototypes", "message"),
    [
        pytest.param((1, 38, 84), (1, 32, 8, 8), r"prototypes of shape \[1, 32, 8, 8\], expected \[1, 32, 16, 16\]", id="small"),
        pytest.param((1, 40, 84), (1, 32, 16, 16), r"\[1, 40, 84\], its 2 names need \[1, 38, anchors\]", id="more classes"),
    ],
)  # fmt: skip
def test_a_segmenter_whose_run_shows_other_shapes_is_refused(boxes, prototypes, message):
    outputs = [Tensor("output0", FLOATS, ("b", "c", "a")), Tensor("output1", FLOATS, ("b", 32, "h", "w"))]
    graph = Graph({}, [Tensor("images", FLOATS, ("b", 3, "h", "w"))], outputs)
    codec = SegmentCodec(graph, ModelInfo(NAMES, 32, (64, 64), None), Inference((64, 64), rect=True))
    with pytest.raises(ModelRefusedError, match=message):
        codec.found(
            {"output0": np.zeros(boxes, np.float32), "output1": np.zeros(prototypes, np.float32)}, (64, 64), (64, 64)
        )


@pytest.mark.parametrize(
    ("model", "task", "carries"),
    [
        pytest.param("v8-segment", "segment", {"segmentation"}, id="segment"),
        pytest.param("26-pose-end-to-end", "pose", {"keypoints"}, id="pose"),
        pytest.param("v8-obb", "obb", {"xywhr"}, id="obb"),
        pytest.param("v8-classify", "classify", None, id="classify"),
    ],
)
def test_predict_prints_what_a_model_of_the_task_finds_and_the_trial_lets_it_pass(tmp_path, model, task, carries):
    (tmp_path / "text.jpg").write_bytes(b"no image")
    path = str(MODELS / f"{model}.onnx")
    words = ["predict", "--model", path, str(MODELS / "wide.jpg"), str(tmp_path / "text.jpg")]
    done = subprocess.run(
        [sys.executable, "-m", "shoal_worker", *words],
        env=worker_env(), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    answer, failed = (json.loads(line) for line in done.stdout.splitlines())
    key = TASKS[task].columns[0]
    assert set(answer) == set(failed) == {"image", "status", "reason", "detail", "damaged", "width", "height", key}
    assert failed[key] is None
    if carries is None:
        assert len(answer[key]) == 3
        assert sum(answer[key]) == pytest.approx(1, abs=1e-4)
    else:
        assert all(set(box) == {*BOX, *carries} for box in answer[key])
    subprocess.run(
        [sys.executable, "-m", "shoal_worker", "try", "--model", path], env=worker_env(), timeout=60, check=True
    )


@pytest.mark.parametrize("task", ["segment", "pose", "obb", "detect"])
def test_no_boxes_give_empty_columns_of_the_task(task):
    nothing = {
        "segment": {"masks": []},
        "pose": {"keypoints": np.zeros((0, 5, 3), np.float32)},
        "obb": {"keypoints": np.zeros((0, 4, 2), np.float32), "xywhr": np.zeros((0, 5), np.float32)},
        "detect": {},
    }[task]
    empty = [np.zeros(shape, kind) for shape, kind in (((0,), np.int32), ((0,), np.float32), ((0, 4), np.float32))]
    found = Detections(*empty, max_det_reached=False, **nothing)
    columns = TASKS[task].columns
    assert found.to_columns() == {name: False if name == "max_det_reached" else [] for name in columns}


def test_a_card_normalises_and_squeezes_what_a_classifier_sees():
    graph = Graph({}, [Tensor("images", FLOATS, (1, 3, 8, 8))], [Tensor("output0", FLOATS, (1, 2))])
    info = ModelInfo(NAMES, 1, (8, 8), (8, 8), Resize.STRETCH, mean=(0.5, 0.25, 0.0), std=(0.5, 1.0, 2.0))
    codec = ClassifyCodec(graph, info, Inference((8, 8), rect=False))
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, 12:] = 255  # the right quarter: outside of the middle
    (tensor,) = codec.tensors(codec.frame(image)).values()
    assert tensor[0, :, 0, 0].tolist() == [-1, -0.25, 0]
    assert tensor[0, :, 0, 7].tolist() == [1, 0.75, 0.5]
