import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_worker.families.nms import BLOCK, Thresholds, choose, suppress
from shoal_worker.image.letterbox import to_original

SQUARE = (640, 640)
USUAL = Thresholds(conf=0.25, iou=0.7, max_det=300)


def raw(*boxes):
    """(centre x, centre y, width, height, class scores …) each -> (4 + classes, n)."""
    return np.array(boxes, np.float32).T


def test_boxes_equal_those_of_ultralytics(parity):
    assert len(parity["nms_cases"]) == 12
    for case in parity["nms_cases"]:
        thresholds = Thresholds(conf=case["conf"], iou=case["iou"], max_det=300)
        found = choose(np.array(case["pred"], np.float32), thresholds)
        expected = np.array(case["expect"], np.float32).reshape(-1, 6)
        xyxy = to_original(found.xyxy, SQUARE, tuple(case["orig_hw"]))
        assert np.allclose(xyxy, expected[:, :4], atol=1e-3, rtol=0)
        assert np.allclose(found.confidence, expected[:, 4], atol=1e-4, rtol=0)
        assert found.class_id.tolist() == expected[:, 5].astype(int).tolist()


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        pytest.param([], [], id="no anchors, no boxes"),
        pytest.param([(50, 50, 20, 20, 0.25, 0)], [], id="a score equal to conf is not enough"),
        pytest.param([(50, 50, 20, 20, 0.26, 0)], [0], id="a score above conf is"),
        pytest.param([(50, 50, 20, 20, 0.3, 0.6)], [1], id="only the best class counts"),
        pytest.param([(50, 50, 20, 20, 0.9, 0), (51, 50, 20, 20, 0.8, 0)], [0], id="the weaker of two is dropped"),
        pytest.param([(50, 50, 20, 20, 0.9, 0), (50, 50, 20, 20, 0, 0.8)], [0, 1], id="two classes never compete"),
        pytest.param([(50, 50, 0, 0, 0.9, 0), (50, 50, 0, 0, 0.8, 0)], [0, 0], id="empty boxes do not overlap"),
        pytest.param([(np.nan, 50, 9, 9, 0.9, 0), (50, np.inf, 9, 9, 0.9, 0)], [], id="boxes without a place are none"),
    ],
)
def test_which_boxes_are_kept(boxes, expected):
    prediction = raw(*boxes) if boxes else np.zeros((6, 0), np.float32)
    found = choose(prediction, USUAL)
    assert found.class_id.tolist() == expected
    assert len(found.anchors) == len(expected)
    assert (found.class_id.dtype, found.confidence.dtype, found.xyxy.dtype) == (np.int32, np.float32, np.float32)
    assert found.xyxy.shape == (len(expected), 4)


def test_an_overlap_of_exactly_iou_is_kept():
    halves = np.array([[0, 0, 2, 1], [0, 0, 1, 1]], np.float32)  # IoU 0.5
    assert suppress(halves, 0.5, 300).tolist() == [0, 1]
    assert suppress(halves, 0.49, 300).tolist() == [0]


def one_by_one(boxes, iou, max_det):
    """The definition of greedy suppression, each pair in 32-bit floats."""
    kept = []
    for at, (x1, y1, x2, y2) in enumerate(boxes):
        for other in kept:
            left, top, right, bottom = boxes[other]
            width = max(min(x2, right) - max(x1, left), np.float32(0))
            height = max(min(y2, bottom) - max(y1, top), np.float32(0))
            shared = width * height
            union = (right - left) * (bottom - top) + (x2 - x1) * (y2 - y1) - shared
            if union and shared / union > iou:
                break
        else:
            kept.append(at)
        if len(kept) == max_det:
            break
    return kept


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.one_of(st.integers(0, 12), st.integers(BLOCK - 2, 2 * BLOCK + 2)),
    span=st.sampled_from([4, 12, 40, 400.5]),
    iou=st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0]),
    max_det=st.sampled_from([1, 3, 64, 65, 300]),
)
def test_boxes_compared_in_blocks_are_those_compared_one_by_one(seed, count, span, iou, max_det):
    random = np.random.default_rng(seed)
    corner = np.floor(random.uniform(0, span, (count, 2)))
    boxes = np.concatenate([corner, corner + np.floor(random.uniform(0, 9, (count, 2)))], axis=1).astype(np.float32)
    assert suppress(boxes, iou, max_det).tolist() == one_by_one(boxes, iou, max_det)


@pytest.mark.parametrize(("max_det", "reached"), [(2, True), (3, True), (4, False)])
def test_max_det_keeps_the_best_and_says_that_it_was_reached(max_det, reached):
    prediction = raw((50, 50, 9, 9, 0.5), (150, 50, 9, 9, 0.7), (250, 50, 9, 9, 0.6))
    found = choose(prediction, Thresholds(0.25, 0.7, max_det))
    assert found.confidence.tolist() == np.array([0.7, 0.6, 0.5], np.float32).tolist()[:max_det]
    assert found.max_det_reached is reached


@pytest.mark.parametrize(("others", "kept"), [(29_999, 2), (30_000, 1)])
def test_only_the_best_30000_candidates_take_part(others, kept):
    crowd = np.tile(np.array([[50], [50], [20], [20], [0.9]], np.float32), others)
    weakest_elsewhere = raw((300, 300, 20, 20, 0.3))
    found = choose(np.concatenate([weakest_elsewhere, crowd], axis=1), USUAL)
    assert len(found.anchors) == kept


@given(
    seed=st.integers(0, 2**32 - 1),
    classes=st.integers(1, 30),
    anchors=st.integers(0, 200),
    conf=st.floats(0.05, 0.9),
)
def test_filtering_after_suppression_equals_a_higher_conf(seed, classes, anchors, conf):
    """What makes one stored score enough for every `conf` above it."""
    random = np.random.default_rng(seed)
    places = random.uniform(0, 600, (2, anchors))
    prediction = np.concatenate([places, random.uniform(1, 300, (2, anchors)), random.random((classes, anchors))])
    prediction = prediction.astype(np.float32)
    stored = choose(prediction, Thresholds(0.05, 0.5, 300))
    direct = choose(prediction, Thresholds(conf, 0.5, 300))
    above = stored.confidence > conf
    assert stored.xyxy[above].tolist() == direct.xyxy.tolist()
    assert stored.class_id[above].tolist() == direct.class_id.tolist()
