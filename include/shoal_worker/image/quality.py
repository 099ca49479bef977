"""Brightness, sharpness and a fingerprint of an image: cheap now, a whole re-read of the archive later."""

from dataclasses import dataclass

import cv2
import numpy as np

from shoal_worker.image.letterbox import Image

MEASURED_SIDE = 640
"""Images are halved while their long side is at least twice this many pixels, so that cameras of different
resolution compare; exact halving is vectorised and keeps this far below the cost of decoding."""


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
    grid = cv2.resize(luma, (4, 4), interpolation=cv2.INTER_AREA)
    fields = cv2.resize(luma, (9, 8), interpolation=cv2.INTER_AREA)
    brighter_right = np.packbits(fields[:, :-1] < fields[:, 1:])
    return Quality(
        luma_mean=float(mean[0, 0]),
        luma_std=float(deviation[0, 0]),
        sharpness=float(edges[0, 0]) ** 2,
        luma_grid=[int(value) for value in grid.ravel()],
        dhash=int.from_bytes(brighter_right.tobytes()),
    )
