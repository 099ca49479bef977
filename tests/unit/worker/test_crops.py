"""Which pixels a second model sees of a box."""

import numpy as np
import pytest

from shoal.contract.then import Then
from shoal_worker.image.crops import place_of_crop

HW = (100, 200)


@pytest.mark.parametrize(
    ("box", "pad", "square", "expected"),
    [
        pytest.param((10, 20, 40, 30), 0, False, (10, 20, 40, 30), id="whole pixels stay what they are"),
        pytest.param((10.2, 20.9, 39.1, 29.1), 0, False, (10, 20, 40, 30), id="parts of pixels are taken in"),
        pytest.param((10, 20, 40, 30), 0, True, (10, 10, 40, 40), id="the shorter side grows to both sides"),
        pytest.param((10, 20, 40, 31), 0, True, (10, 11, 40, 41), id="an odd pixel more goes below"),
        pytest.param((60, 20, 100, 30), 0.1, False, (56, 16, 104, 34), id="pad is a share of the longer side, on each side"),
        pytest.param((0, 0, 40, 10), 0, True, (0, 0, 40, 40), id="at the corner the square is moved in"),
        pytest.param((150, 90, 200, 100), 0, True, (150, 50, 200, 100), id="at the other corner too"),
        pytest.param((0, 40, 200, 60), 0, True, (0, 0, 200, 100), id="what is longer than the image is cut"),
        pytest.param((-50, -50, 20, 10), 0, False, (0, 0, 20, 10), id="what lies outside is clipped first"),
        pytest.param((0, 0, 200, 100), 1, True, (0, 0, 200, 100), id="more than the image is the image"),
        pytest.param((10, 20, 11.9, 90), 0, True, None, id="narrower than 2 px is not looked at"),
        pytest.param((198.5, 20, 260, 90), 0, True, None, id="less than 2 px inside is not looked at"),
        pytest.param((10, 20, 12, 22), 0, True, (10, 20, 12, 22), id="2 px are looked at"),
    ],
)  # fmt: skip
def test_the_place_of_a_crop(box, pad, square, expected):
    assert place_of_crop(np.array(box, np.float32), HW, Then((64, 64), pad, square)) == expected
