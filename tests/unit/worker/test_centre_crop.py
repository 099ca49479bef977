"""What a classifier sees of an image."""

import numpy as np
import pytest
from PIL import Image as Pillow

from shoal_worker.image.centre_crop import centre_crop
from worker.images import photo


@pytest.mark.parametrize(
    ("height", "width", "left", "top"),
    [
        pytest.param(224, 300, 38, 0, id="wide: 38 px go on each side"),
        pytest.param(301, 224, 0, 38, id="tall and odd: halves go to the even side"),
        pytest.param(224, 224, 0, 0, id="as it is"),
    ],
)
def test_the_middle_is_cut_out(height, width, left, top):
    image = photo(width, height)
    assert (centre_crop(image, (224, 224)) == image[top : top + 224, left : left + 224]).all()


def test_the_shorter_side_is_scaled_as_pillow_scales_it():
    image = photo(500, 281)
    scaled = np.asarray(
        Pillow.fromarray(image).resize((398, 224), Pillow.Resampling.BILINEAR)
    )  # 224 * 500 / 281 = 398.58
    assert (centre_crop(image, (224, 224)) == scaled[:, 87:311]).all()


def test_other_sides_than_a_square_s_are_scaled_each_for_itself():
    image = photo(500, 281)
    scaled = np.asarray(Pillow.fromarray(image).resize((320, 192), Pillow.Resampling.BILINEAR))
    assert (centre_crop(image, (192, 320)) == scaled).all()


@pytest.mark.parametrize(
    ("height", "width"),
    [
        pytest.param(1, 1, id="one pixel"),
        pytest.param(1, 500, id="one row"),
        pytest.param(60_000, 1, id="one column: scaled whole it would be 3,000 megapixels"),
    ],
)
def test_images_of_any_shape_are_seen(height, width):
    assert (centre_crop(np.full((height, width, 3), 7, np.uint8), (224, 224)) == 7).all()


def test_a_strip_is_cut_before_it_is_scaled_and_looks_the_same():
    strip = photo(1000, 20)
    scaled = np.asarray(Pillow.fromarray(strip).resize((11_200, 224), Pillow.Resampling.BILINEAR))
    assert np.abs(centre_crop(strip, (224, 224)).astype(int) - scaled[:, 5488:5712]).max() <= 1
