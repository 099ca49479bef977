"""What counts as the same look at an image, and what does not: every column that a model writes of a box."""

import pytest

from shoal.history.verification.same_rows import tell_difference

BOX = {"class_id": 1, "confidence": 0.8, "x1": 10.0, "y1": 10.0, "x2": 60.0, "y2": 60.0}
OTHER = {**BOX, "class_id": 0, "confidence": 0.6, "x1": 100.0, "x2": 160.0}
ROW = {
    "content_sha256": "a", "status": "processed", "reason": None, "width": 200, "height": 100, "class_scores": None,
    "detections": [BOX, OTHER], "reclassified": None, "angles": None, "keypoints": None, "masks": None,
}  # fmt: skip


def row(**columns):
    return {**ROW, **columns}


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(ROW, id="to the last digit"),
        pytest.param(row(detections=[OTHER, {**BOX, "confidence": 0.8004, "x1": 10.03}]), id="another processor's, in another order"),
        pytest.param(row(masks=["1T39", None]), id="an outline of which one of 100 pixels falls to the other side"),
        pytest.param(row(detections=[BOX, OTHER, {**BOX, "confidence": 0.051}]), id="a box at the lowest score that is stored"),
    ],
)  # fmt: skip
def test_what_processors_disagree_about_is_the_same(again):
    stored = row(masks=["2S39", None]) if again["masks"] else ROW
    assert tell_difference(stored, again, 0.05) == ""


THEN = [{"class_id": 4, "confidence": 0.9}, None]


@pytest.mark.parametrize(
    ("stored", "again", "said"),
    [
        pytest.param(row(detections=[BOX]), ROW, "a box of class 0 with score 0.600 was found", id="a box less"),
        pytest.param(row(detections=[{**BOX, "class_id": 2}, OTHER]), ROW, "a box of class 2 with score 0.800 is stored", id="a class"),
        pytest.param(row(status="failed", detections=None), ROW, "status failed is stored, processed was found", id="a fate"),
        pytest.param(row(content_sha256="b"), ROW, "content_sha256 b is stored", id="other bytes"),
        pytest.param(row(class_scores=[0.1, 0.9]), row(class_scores=[0.1, 0.8]), "class 1 has score 0.9", id="of a whole image"),
        pytest.param(row(class_scores=[0.1]), ROW, "scores of classes are stored where none are found", id="made up of whole images"),
        pytest.param(
            row(reclassified=[{"class_id": 5, "confidence": 0.9}, None]), row(reclassified=THEN),
            "a box of class 1, class 5 for the second model, with score 0.800 is stored", id="what the second model says",
        ),
        pytest.param(row(masks=["286", None]), row(masks=["376", None]), "a box of class 1", id="an outline"),
        pytest.param(row(angles=[0.5, 0.0]), row(angles=[0.6, 0.0]), "a box of class 1", id="an angle"),
        pytest.param(
            row(keypoints=[[1.0, 2.0, 0.9], None]), row(keypoints=[[9.0, 2.0, 0.9], None]), "a box of class 1", id="a key point"
        ),
    ],
)  # fmt: skip
def test_whatever_was_edited_of_a_box_is_told(stored, again, said):
    assert tell_difference(stored, again, 0.05).startswith(said)
