"""Boxes with an angle: which are alike, which are kept, where they lie."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.box_outputs import BoxOutput
from shoal_worker.families.nms import Thresholds
from shoal_worker.families.rotated import BLOCK, corners, likeness, read_rotated, suppress

RAW = BoxOutput("output0", chosen=False, classes=2, more=1)
CHOSEN = BoxOutput("output0", chosen=True, classes=2, more=1)
USUAL = Thresholds(conf=0.25, iou=0.7, max_det=300)
QUARTER = np.pi / 2


def boxes(*rows):
    return np.array(rows, np.float32)


def alike(one, other):
    return float(likeness(boxes(one), boxes(other))[0, 0])


def test_how_like_two_boxes_are():
    # By hand, for upright squares of side s whose centres are d apart: Bhattacharyya's distance is d²/8 over the variance s²/12.
    assert alike((0, 0, 12, 12, 0), (0, 0, 12, 12, 0)) == pytest.approx(1, abs=1e-3)
    assert alike((0, 0, 12, 12, 0), (4, 0, 12, 12, 0)) == pytest.approx(1 - np.sqrt(1 - np.exp(-16 / 96)), abs=1e-3)
    assert alike((0, 0, 12, 12, 0), (900, 0, 12, 12, 0)) == pytest.approx(0, abs=1e-3)
    assert alike((5, 5, 30, 10, 0.3), (5, 5, 10, 30, 0.3 + QUARTER)) == pytest.approx(
        1, abs=2e-3
    )  # the same, said twice
    assert alike((5, 5, 60, 6, 0), (5, 5, 60, 6, QUARTER)) < 0.3  # a cross


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(2, 40)] * 2, st.floats(0, 3, width=32)), max_size=BLOCK + 30
    ),
    st.sampled_from([0.1, 0.4, 0.7]),
    st.integers(1, 100),
)
def test_a_box_is_dropped_for_any_better_one_that_is_too_like_it(rows, iou, max_det):
    xywhr = np.array(rows, np.float32).reshape(-1, 5)
    too_like = likeness(xywhr, xywhr) > iou
    expected = [place for place in range(len(xywhr)) if not too_like[:place, place].any()]
    assert suppress(xywhr, iou, max_det).tolist() == expected[:max_det]


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        pytest.param([], [], id="no anchors"),
        pytest.param([(50, 50, 20, 10, 0.25, 0, 0)], [], id="a score equal to conf is not enough"),
        pytest.param(
            [(50, 50, 20, 10, 0.9, 0, 0.1), (50, 50, 20, 10, 0.8, 0, 0.1)], [0.9], id="the weaker of two goes"
        ),
        pytest.param([(50, 50, 20, 10, 0.9, 0, 0.1), (50, 50, 20, 10, 0, 0.8, 0.1)], [0.9, 0.8], id="two classes stay"),
        pytest.param([(50, 50, 20, 10, 0.9, 0, np.nan)], [], id="no angle, no box"),
        pytest.param([(np.inf, 50, 20, 10, 0.9, 0, 1)], [], id="no place, no box"),
    ],
)
def test_which_boxes_are_kept(rows, kept):
    output = np.array(rows, np.float32).reshape(-1, 7).T[None]
    assert read_rotated(output, RAW, USUAL).confidence.tolist() == pytest.approx(kept)


def test_boxes_that_the_graph_chose_are_taken_in_its_order_up_to_the_threshold():
    rows = [(50, 50, 20, 10, 0.9, 1, 0.5), (9, 9, 5, 5, 0.3, 0, 0.1), (9, 9, 5, 5, 0.2, 0, 0.1), (0,) * 7]
    found = read_rotated(boxes(*rows)[None], CHOSEN, USUAL)
    assert (found.class_id.tolist(), found.more.ravel().tolist()) == ([1, 0], pytest.approx([0.5, 0.1]))
    assert not found.max_det_reached
    assert read_rotated(boxes(*rows)[None, :2], CHOSEN, USUAL).max_det_reached  # the graph had no more to give


def test_boxes_that_the_graph_chose_are_sorted_and_the_graph_s_lines_are_counted_before_any_is_dropped():
    rows = boxes((9, 9, 5, 5, 0.3, 0, 0.1), (50, 50, 20, 10, 0.9, 1, 0.5), (9, 9, 5, 5, 0.8, 0, np.nan))
    found = read_rotated(rows[None], CHOSEN, USUAL)
    assert found.confidence.tolist() == pytest.approx([0.9, 0.3])
    assert not found.max_det_reached
    best = read_rotated(rows[None], CHOSEN, Thresholds(conf=0.25, iou=0.7, max_det=1))
    assert (best.confidence.tolist(), best.max_det_reached) == (pytest.approx([0.9]), True)
    assert not read_rotated(np.zeros((1, 0, 7), np.float32), CHOSEN, USUAL).max_det_reached


def test_a_class_without_a_name_is_refused():
    with pytest.raises(ModelRefusedError, match="found class 7, it has names for 0 to 1 - names and weights"):
        read_rotated(boxes((50, 50, 20, 10, 0.9, 7, 0.5))[None], CHOSEN, USUAL)


def test_corners_go_round_the_box():
    (found,) = corners(boxes((100, 50, 40, 20, 0)))
    assert found.tolist() == [[120, 60], [120, 40], [80, 40], [80, 60]]
    (turned,) = corners(boxes((100, 50, 40, 20, QUARTER)))
    assert np.allclose(turned, [[90, 70], [110, 70], [110, 30], [90, 30]], atol=1e-4)
