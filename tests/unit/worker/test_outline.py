"""Masks as COCO's run lengths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shoal_worker.tasks.outline import Outline
from worker.run_lengths import decode


def written(mask, left=0, top=0, image_hw=None, columns=1000):
    """The text of a mask that is handed over a few columns at a time."""
    outline = Outline(image_hw or mask.shape)
    for first in range(0, mask.shape[1], columns):
        outline.add(np.ascontiguousarray(mask[:, first : first + columns].T), left + first, top)
    return outline.text()


@pytest.mark.parametrize(
    ("image_hw", "box", "text"),
    [
        # Counts down the columns, each as a base-32 number from `0` on, 16 added in all but its last character; from the fourth
        # count on, the difference to the one before the last.
        pytest.param((3, 3), (1, 1, 2, 2), "414", id="the middle of nine: 4, 1, 4"),
        pytest.param((2, 2), (0, 0, 2, 2), "04", id="all of it: 0, 4"),
        pytest.param((4, 3), (1, 1, 3, 3), "5220O", id="two columns: 5, 2, 2, 2 (+0), 1 (-1)"),
        pytest.param((8, 8), (3, 0, 4, 8), "h08P1", id="a whole column: 24, 8, 32"),
        pytest.param((4, 4), (0, 0, 4, 1), "013000000", id="a row: 0, 1, 3, 1 (+0), 3 (+0) and so on"),
        pytest.param((3, 3), (1, 1, 1, 2), "", id="nothing"),
    ],
)
def test_the_text_is_that_of_the_format(image_hw, box, text):
    left, top, right, bottom = box
    mask = np.ones((bottom - top, right - left), bool)
    assert written(mask, left, top, image_hw) == text


@given(
    mask=arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12)),
    columns=st.integers(1, 5),
    around=st.tuples(*[st.integers(0, 9)] * 4),
)
def test_what_is_written_is_what_is_read_wherever_it_lies(mask, columns, around):
    left, top, right, bottom = around
    whole = np.pad(mask, ((top, bottom), (left, right)))
    text = written(mask, left, top, whole.shape, columns)
    assert text == written(whole)
    if mask.any():
        assert (decode(text, *whole.shape) == whole).all()
    else:
        assert text == ""
