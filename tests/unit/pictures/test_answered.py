"""What is drawn of an answer about a single image is what a row of it would hold."""

import numpy as np
import pytest

from shoal.pictures.answered import boxes_of, side_of
from shoal_worker.families.rotated import corners
from shoal_worker.tasks.classify import Scores
from shoal_worker.tasks.detect import Detections

NAMES = ["fish", "crab"]
XYWHR = np.array([[60.0, 40.0, 50.0, 10.0, 0.7]], np.float32)
TURNED = corners(XYWHR)


def found(**more) -> Detections:
    one = (np.array([1], np.int32), np.array([0.75], np.float32), np.array([[36.0, 20.0, 84.0, 60.0]], np.float32))
    return Detections(*one, max_det_reached=False, image_hw=(100, 200), **more)


@pytest.mark.parametrize(
    "detections",
    [
        pytest.param(found(), id="upright"),
        pytest.param(found(masks=["PPYo0"]), id="outlined"),
        pytest.param(found(masks=[None]), id="with an outline too long to keep"),
        pytest.param(found(keypoints=np.array([[[40, 30, 0.9], [np.nan, 50, 0.2]]], np.float32)), id="key points"),
        pytest.param(found(keypoints=np.array([[[40, 30], [80, 50]]], np.float32)), id="key points without a score"),
        pytest.param(found(keypoints=TURNED, xywhr=XYWHR), id="turned"),
    ],
)
def test_a_box_is_drawn_as_its_row_says(detections):
    (box,) = boxes_of(detections.describe(NAMES))
    row = detections.to_columns()
    assert (box.x1, box.y1, box.x2, box.y2, box.label, box.class_id, box.conf) == (36, 20, 84, 60, "crab", 1, 0.75)
    assert box.mask == (row.get("masks", [""])[0] or "")
    assert box.angle == pytest.approx(row.get("angles", [None])[0], abs=1e-5)
    expected = np.array(row.get("keypoints", [[]])[0], float)
    assert np.array(box.keypoints, float) == pytest.approx(expected, abs=0.02, nan_ok=True)


def test_the_second_model_names_a_box_and_of_a_classifier_the_likeliest_class_is_told():
    answer = found().describe(NAMES)
    for then, label in (
        ({"class_id": 4, "class_name": "Coris julis", "confidence": 0.6}, "Coris julis"),
        (None, "crab"),
    ):
        (box,) = boxes_of({"detections": [{**answer["detections"][0], "then": then}]})
        assert box.label == label
    (whole,) = boxes_of(Scores(np.array([0.25, 0.75], np.float32)).describe(NAMES), NAMES)
    assert (whole.whole, whole.label, whole.class_id, whole.conf) == (True, "crab", 1, 0.75)
    assert boxes_of({"class_scores": [None, None]}, NAMES) == []
    assert [side_of({"width": width, "height": 10}) for width in (20, 1500, 9000)] == [1000, 1500, 2400]
