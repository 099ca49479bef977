"""Brightness and sharpness of an image: cheap now, a whole re-read of the archive later."""

from dataclasses import dataclass

import cv2

from shoal_worker.letterbox import Image

SHARPNESS_SIDE = 640
"""Long side in pixels at which sharpness is measured, so that cameras of different resolution compare."""


@dataclass(frozen=True)
class Quality:
    """How usable an image is.

    Attributes:
        luma_mean: Mean of the 8-bit luma, 0..255.
        luma_std: Standard deviation of the luma.
        sharpness: Variance of the Laplacian of the luma at 640 px on the long side.
    """

    luma_mean: float
    luma_std: float
    sharpness: float


def measure(image: Image) -> Quality:
    """Measure one decoded image, `(H, W, 3)` uint8 BGR."""
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    mean, deviation = cv2.meanStdDev(luma)
    _, edges = cv2.meanStdDev(cv2.Laplacian(_at_sharpness_size(luma), cv2.CV_16S))
    return Quality(float(mean[0, 0]), float(deviation[0, 0]), float(edges[0, 0]) ** 2)


def _at_sharpness_size(luma: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """Shrink to 640 px on the long side; smaller images stay as they are.

    Averages of areas, halved first: exact halving is vectorised, one fractional step from 2688 px costs 4 x more.
    """
    while max(luma.shape) >= 2 * SHARPNESS_SIDE and min(luma.shape) > 1:
        luma = cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA)
    longest = max(luma.shape)
    if longest <= SHARPNESS_SIDE:
        return luma
    height, width = (max(round(side * SHARPNESS_SIDE / longest), 1) for side in luma.shape)
    return cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)
