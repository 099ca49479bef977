"""Masks as COCO writes them, and their outlines: right values by pycocotools' own text and by counting on paper."""

import random

import pytest

from shoal.contract.errors import ContractError
from shoal.contract.mask_runs import area_of, runs_of, spans_of
from shoal.contract.outlines import corners_of, outlines_of
from written_tasks import rectangle, written


def test_a_text_of_pycocotools_is_read():
    # pycocotools.mask.encode of a 4 x 5 image (height 4) whose rows 1 and 2 of columns 1 to 3 are set.
    assert runs_of(written([5, 2, 2, 2, 2, 2, 5])) == [5, 2, 2, 2, 2, 2, 5]
    # By rleToString: 5 -> '5', 2 -> '2', 2 -> '2', then differences: 0, 0, 0, 3.
    assert written([5, 2, 2, 2, 2, 2, 5]) == "5220003"


@pytest.mark.parametrize("seed", range(20))
def test_runs_of_any_length_are_read_as_they_were_written(seed):
    draw = random.Random(seed)
    runs = [
        draw.choice([0, 1, 15, 16, 17, 31, 32, 1023, 1024, 99_000_000]) + draw.randint(0, 5)
        for _ in range(draw.randint(1, 30))
    ]
    assert runs_of(written(runs)) == runs


@pytest.mark.parametrize("text", ["x\n", "P", "5~", "0J"])
def test_a_text_that_is_no_mask_has_no_area(text):
    assert area_of(text, 10, 10) is None
    with pytest.raises(ContractError, match="is no COCO RLE"):
        runs_of(text)


def test_an_area_is_that_of_an_image_of_its_size_only():
    text = rectangle(100, 80, 10, 20, 30, 30)
    assert (area_of(text, 100, 80), area_of(text, 80, 80), area_of(None, 100, 80)) == (200, None, None)
    assert area_of(written([8000]), 100, 80) == 0
    assert area_of(written([0, 8000]), 100, 80) == 8000


def test_a_run_over_several_columns_is_cut_at_their_ends():
    assert spans_of(written([2, 7, 3]), 4) == [[(2, 4)], [(0, 4)], [(0, 1)]]


def test_the_outline_of_a_rectangle_is_its_corners():
    [outline], holes = outlines_of(rectangle(100, 80, 10, 20, 30, 31), 80)
    assert (set(outline), holes) == ({(10, 20), (30, 20), (30, 31), (10, 31)}, 0)


def mask_of(picture):
    """Write a mask drawn with # as text, a line a row of pixels."""
    rows = picture.split()
    flat = [rows[y][x] == "#" for x in range(len(rows[0])) for y in range(len(rows))]
    runs, at = [0], False
    for one in flat:
        if one != at:
            runs.append(0)
            at = one
        runs[-1] += 1
    return written(runs), len(rows)


@pytest.mark.parametrize(
    ("picture", "parts", "holes"),
    [
        pytest.param("##. ##. ...", [4], 0, id="a square"),
        pytest.param("#.. .#. ...", [1, 1], 0, id="two that touch by a corner"),
        pytest.param("### #.# ###", [9], 1, id="a ring: its hole is told and filled"),
        pytest.param("#...# #...# #####", [9], 0, id="a bay is no hole"),
        pytest.param("##..# ##..#", [4, 2], 0, id="two parts, the largest first"),
        pytest.param("... ... ...", [], 0, id="nothing"),
        pytest.param("#### #.#. ####", [11], 1, id="a hole beside a bay"),
        pytest.param("### #.# ##.", [7], 0, id="a hole that touches the outside by a corner is part of the edge"),
        pytest.param("###", [3], 0, id="one row"),
        pytest.param("# # #", [3], 0, id="one column"),
    ],
)
def test_outlines_hold_the_pixels_of_their_part(picture, parts, holes):
    found, there = outlines_of(*mask_of(picture), tolerance_px=0.1)
    areas = [
        abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(loop, [*loop[1:], loop[0]], strict=True))) / 2
        for loop in found
    ]
    assert (areas, there) == (parts, holes)


def test_a_staircase_becomes_a_line():
    stairs = " ".join("#" * (n + 1) + "." * (39 - n) for n in range(40))
    [outline], _ = outlines_of(*mask_of(stairs))
    assert len(outline) <= 5


def test_corners_are_all_four_or_none():
    assert corners_of([1, 2, None, 3, 2, None, 3, 4, None, 1, 4, None]) == [(1, 2), (3, 2), (3, 4), (1, 4)]
    assert (
        corners_of([1, 2, None, 3, None, None, 3, 4, None, 1, 4, None])
        == corners_of(None)
        == corners_of([1, 2, 3])
        == []
    )
