"""What of an image a second model sees of a box: whole pixels, inside the image."""

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from shoal.contract.then import LEAST_SIDE_PX, Then

Place = tuple[int, int, int, int]
"""left, top, right, bottom in pixels; the last two are outside."""


def place_of_crop(xyxy: NDArray[np.float32], image_hw: tuple[int, int], then: Then) -> Place | None:
    """Say which pixels are cut out for a box; None where too little of it lies in the image.

    The box is clipped to the image, widened by `pad` of its longer side on each side, and brought to whole pixels, outwards.
    With `square` the shorter side then grows to the longer one, to both sides alike. Where that leaves the image it is moved in;
    what is longer than the image is cut.

    Args:
        xyxy: The box in pixels of the image.
        image_hw: (height, width) of the image.
        then: Says how.
    """
    x1, y1, x2, y2 = (float(edge) for edge in xyxy.tolist())
    height, width = image_hw
    x1, x2 = max(0.0, x1), min(float(width), x2)
    y1, y2 = max(0.0, y1), min(float(height), y2)
    if min(x2 - x1, y2 - y1) < LEAST_SIDE_PX:
        return None
    grown = then.pad * max(x2 - x1, y2 - y1)
    left, right = floor(x1 - grown), ceil(x2 + grown)
    top, bottom = floor(y1 - grown), ceil(y2 + grown)
    if then.square:
        side = max(right - left, bottom - top)
        left, right = _moved_in(left - (side - (right - left)) // 2, side, width)
        top, bottom = _moved_in(top - (side - (bottom - top)) // 2, side, height)
    return max(0, left), max(0, top), min(width, right), min(height, bottom)


def _moved_in(start: int, side: int, most: int) -> tuple[int, int]:
    start = max(0, min(start, most - side))
    return start, start + side
