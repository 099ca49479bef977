from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_worker.image.quality import measure
from worker.images import photo


def test_a_flat_image_has_its_luma_and_neither_spread_nor_edges():
    quality = measure(np.full((50, 70, 3), (255, 0, 0), np.uint8))  # pure blue
    assert (quality.luma_mean, quality.luma_std, quality.sharpness) == pytest.approx((29.0, 0.0, 0.0))


def test_luma_is_that_of_the_8_bit_image():
    image = photo(700, 500)
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    assert measure(image).luma_mean == pytest.approx(luma.mean())
    assert measure(image).luma_std == pytest.approx(luma.std())


def test_sharpness_of_a_small_image_is_measured_as_it_is():
    image = photo(600, 400)
    laplacian = cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_64F)
    assert measure(image).sharpness == pytest.approx(laplacian.var())


def test_a_large_image_is_measured_at_a_quarter():
    image = cv2.resize(photo(600, 340), (2688, 1520), interpolation=cv2.INTER_CUBIC)
    luma = cv2.cvtColor(cv2.resize(image, (672, 380), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    assert measure(image).luma_mean == pytest.approx(luma.mean(), abs=0.5)
    assert measure(image).sharpness == pytest.approx(cv2.Laplacian(luma, cv2.CV_64F).var(), rel=0.25)


def test_blur_lowers_sharpness():
    image = photo(1280, 720)
    assert measure(cv2.GaussianBlur(image, (0, 0), 4)).sharpness < measure(image).sharpness / 2


@pytest.mark.parametrize("hw", [(1, 1), (1, 5000), (5000, 1), (3, 1281)], ids=str)
def test_odd_shapes_are_measured(hw):
    assert measure(np.full((*hw, 3), 100, np.uint8)).luma_mean == pytest.approx(100)


def test_the_grid_holds_the_brightness_of_sixteen_fields_and_the_hash_where_it_grows():
    steps = np.repeat(np.arange(9, dtype=np.uint8) * 20, 40)
    rising = np.repeat(steps[None, :, None], 320, axis=0).repeat(3, axis=2)
    assert measure(rising).dhash == 2**64 - 1
    assert measure(rising[:, ::-1]).dhash == 0
    fields = (np.arange(16, dtype=np.uint8) * 10).reshape(4, 4).repeat(50, axis=0).repeat(50, axis=1)
    assert measure(np.repeat(fields[..., None], 3, axis=2)).luma_grid == list(range(0, 160, 10))


def averaged(image):
    """The fields of the 4 x 4 and of the 9 x 8 as OpenCV averages them, and the bits that follow."""
    small = image
    while max(small.shape[:2]) >= 1280 and min(small.shape[:2]) > 1:
        small = cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2), interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    grid = cv2.resize(luma, (4, 4), interpolation=cv2.INTER_AREA)
    fields = cv2.resize(luma, (9, 8), interpolation=cv2.INTER_AREA)
    bits = "".join("01"[int(left < right)] for row in fields for left, right in pairwise(row))
    return grid.ravel().tolist(), int(bits, 2)


def drawn(kind, random, height, width):
    if kind == "noise":
        return random.integers(0, 256, (height, width, 3), np.uint8)
    if kind == "smooth":
        return cv2.resize(random.integers(0, 256, (4, 4, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    halves = (np.indices((height, width)).sum(axis=0) % 2 + random.integers(0, 255)).astype(np.uint8)
    return np.repeat(halves[..., None], 3, axis=2)


@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["noise", "smooth", "every mean lies on a half"]),
    height=st.one_of(st.integers(1, 20), st.integers(21, 700)),
    width=st.one_of(st.integers(1, 20), st.integers(21, 1400)),
)
def test_grid_and_hash_are_those_of_opencv(seed, kind, height, width):
    image = drawn(kind, np.random.default_rng(seed), height, width)
    quality = measure(image)
    assert (quality.luma_grid, quality.dhash) == averaged(image)


def test_grid_and_hash_of_real_photos_are_those_of_opencv(obsea_photos):
    for path in obsea_photos:
        image = cv2.imread(str(path))
        quality = measure(image)
        assert (quality.luma_grid, quality.dhash) == averaged(image)
