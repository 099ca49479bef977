"""Brightness, sharpness and a fingerprint of an image: cheap now, a whole re-read of the archive later."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shoal_worker.image.letterbox import Image

MEASURED_SIDE = 640
"""Images are halved while their long side is at least twice this many pixels, so that cameras of different
resolution compare; exact halving is vectorised and keeps this far below the cost of decoding."""

GRID, FIELDS = (4, 4), (8, 9)
"""(rows, columns) of what `luma_grid` and `dhash` are made of."""

MOST_SUMMED = 2**31 // 255
"""Pixels whose sum is sure to fit into the 32 bits of OpenCV's integral."""

ROUNDING = 2.0**-24
"""Relative error of one operation on 32-bit floats, at most; a mean takes one for each row and column of its field, and a few."""


@dataclass(frozen=True)
class Quality:
    """How usable an image is, measured on the halved image.

    Attributes:
        luma_mean: Mean of the 8-bit luma, 0..255.
        luma_std: Standard deviation of the luma.
        sharpness: Variance of the Laplacian of the luma.
        luma_grid: Means of the luma in 4 x 4 fields, row by row, 0..255.
        dhash: 64 bits, 8 rows of 8 from the highest on: 1 where a field of the 9 x 8 is darker than its right neighbour.
    """

    luma_mean: float
    luma_std: float
    sharpness: float
    luma_grid: list[int]
    dhash: int


def measure(image: Image) -> Quality:
    """Measure one decoded image, `(H, W, 3)` uint8 BGR."""
    small: cv2.typing.MatLike = image
    while max(small.shape[:2]) >= 2 * MEASURED_SIDE and min(small.shape[:2]) > 1:
        small = cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2), interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    mean, deviation = cv2.meanStdDev(luma)
    _, edges = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))
    sums = cv2.integral(luma)
    return Quality(
        luma_mean=float(mean[0, 0]),
        luma_std=float(deviation[0, 0]),
        sharpness=float(edges[0, 0]) ** 2,
        luma_grid=[int(value) for value in _grid(luma, sums).ravel()],
        dhash=int.from_bytes(np.packbits(_brighter_right(luma, sums)).tobytes()),
    )


def _grid(luma: cv2.typing.MatLike, sums: cv2.typing.MatLike) -> cv2.typing.MatLike:
    low, high = _bounds(luma, sums, GRID)
    return low if np.array_equal(low, high) else _averaged(luma, GRID)


def _brighter_right(luma: cv2.typing.MatLike, sums: cv2.typing.MatLike) -> NDArray[np.bool_]:
    low, high = _bounds(luma, sums, FIELDS)
    brighter, not_brighter = high[:, :-1] < low[:, 1:], low[:, :-1] >= high[:, 1:]
    if (brighter | not_brighter).all():
        return np.asarray(brighter, bool)
    fields = _averaged(luma, FIELDS)
    return np.asarray(fields[:, :-1] < fields[:, 1:], bool)


def _averaged(luma: cv2.typing.MatLike, wanted: tuple[int, int]) -> cv2.typing.MatLike:
    """Average in `wanted` (rows, columns) of fields, rounded to whole numbers: a slow walk over pixels in 32-bit floats."""
    return cv2.resize(luma, wanted[::-1], interpolation=cv2.INTER_AREA)


def _bounds(
    luma: cv2.typing.MatLike, sums: cv2.typing.MatLike, wanted: tuple[int, int]
) -> tuple[cv2.typing.MatLike, cv2.typing.MatLike]:
    """Say between which whole numbers the values of `_averaged` lie, at a tenth of its cost: mostly they are one.

    The exact means come from the image's integral; `_averaged` may round a mean to the other side that lies next to a half.

    Args:
        luma: `(H, W)` uint8.
        sums: Its integral, `(H + 1, W + 1)` int32.
        wanted: (rows, columns) of fields.
    """
    (height, width), (rows, columns) = luma.shape, wanted
    if height < rows or width < columns or luma.size > MOST_SUMMED:  # there OpenCV interpolates, here sums overflow
        return np.zeros(wanted), np.full(wanted, 255.0)
    total = _at_borders(_at_borders(sums, rows).T, columns).T
    means = np.diff(np.diff(total, axis=0), axis=1) / luma.size
    error = 255 * ROUNDING * (height / rows + width / columns + 16)
    return np.floor(means + 0.5 - error), np.floor(means + 0.5 + error)


def _at_borders(sums: cv2.typing.MatLike, fields: int) -> cv2.typing.MatLike:
    """Read sums along the first axis at the borders of fields, which may lie within a pixel; times `fields`: whole."""
    side = len(sums) - 1
    pixel, part = np.divmod(np.arange(fields + 1) * side, fields)
    part = part[:, None]
    return np.asarray(sums[pixel] * (fields - part) + sums[np.minimum(pixel + 1, side)] * part)
