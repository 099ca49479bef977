"""Images whose sides are stretched one by one: the values of the runtimes, in little memory."""

import subprocess
import sys
import tracemalloc
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.random import default_rng
from PIL import Image

from shoal_worker.image.stretch import stretch_smooth, stretch_unrounded

SIZES = [
    pytest.param((152, 268), (64, 64), id="smaller"),
    pytest.param((31, 17), (64, 96), id="larger"),
    pytest.param((200, 40), (64, 96), id="smaller and larger"),
    pytest.param((64, 96), (64, 96), id="as it is"),
]


def noise(*shape: int) -> Any:
    return default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "colour"])
@pytest.mark.parametrize(("image_hw", "imgsz"), SIZES)
def test_unrounded_values_are_those_of_floats_of_the_whole_image(
    image_hw: tuple[int, int], imgsz: tuple[int, int], channels: tuple[int, ...]
) -> None:
    image = noise(*image_hw, *channels)
    whole = cv2.resize(image.astype(np.float32), imgsz[::-1], interpolation=cv2.INTER_LINEAR)
    made = stretch_unrounded(image, imgsz)
    assert made.dtype == np.float32
    # OpenCV rounds places to floats on some processors: 2e-5 of 255 is what that moves a value here.
    assert np.allclose(made, whole, rtol=0, atol=5e-3)


@pytest.mark.parametrize(
    ("imgsz", "row"),
    [
        pytest.param((1, 2), [50.0, 225.0], id="half: the middle of two pixels"),
        pytest.param((1, 8), [0.0, 25.0, 75.0, 125.0, 175.0, 212.5, 237.5, 250.0], id="double: edges stay"),
        pytest.param((3, 4), [0.0, 100.0, 200.0, 250.0], id="one row three times"),
    ],
)
def test_values_between_pixels_by_hand(imgsz: tuple[int, int], row: list[float]) -> None:
    image = np.array([[0, 100, 200, 250]], np.uint8)
    assert stretch_unrounded(image, imgsz).tolist() == [row] * imgsz[0]


@pytest.mark.parametrize(("image_hw", "imgsz"), SIZES)
def test_channels_one_by_one_are_what_pillow_makes_of_all(image_hw: tuple[int, int], imgsz: tuple[int, int]) -> None:
    image = noise(*image_hw, 3)
    all_at_once = np.asarray(Image.fromarray(image).resize(imgsz[::-1], Image.Resampling.BILINEAR))
    assert np.array_equal(stretch_smooth(image, imgsz), all_at_once)
    assert np.array_equal(stretch_smooth(image[..., 0], imgsz), all_at_once[..., 0])


@pytest.mark.parametrize("image_hw", [(3000, 4000), (1, 12_000_000), (12_000_000, 1)], ids=["photo", "line", "column"])
def test_a_large_image_takes_little_beside_itself(image_hw: tuple[int, int]) -> None:
    image = np.zeros((*image_hw, 3), np.uint8)
    tracemalloc.start()
    try:
        stretch_unrounded(image, (320, 320))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.5 * image_hw[0] * image_hw[1]


@pytest.mark.skipif(sys.platform != "linux", reason="kilobytes are what Linux counts in")
def test_pillow_never_holds_all_channels_of_a_large_image() -> None:
    measured = subprocess.run([sys.executable, "-c", PEAK], check=True, capture_output=True, text=True)
    assert float(measured.stdout) < 3  # bytes a pixel: one channel, twice; all of them are 4


PEAK = """
import resource
import numpy as np
from shoal_worker.image.stretch import stretch_smooth
image = np.full((6000, 6000, 3), 7, np.uint8)
stretch_smooth(image[:2, :2], (3, 3))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
stretch_smooth(image, (320, 320))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 36e6)
"""
