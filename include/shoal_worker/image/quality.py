"""Brightness and sharpness of an image: cheap now, a whole re-read of the archive later."""

from dataclasses import dataclass

import cv2

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
    """

    luma_mean: float
    luma_std: float
    sharpness: float


def measure(image: Image) -> Quality:
    """Measure one decoded image, `(H, W, 3)` uint8 BGR."""
    small: cv2.typing.MatLike = image
    while max(small.shape[:2]) >= 2 * MEASURED_SIDE and min(small.shape[:2]) > 1:
        small = cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2), interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    mean, deviation = cv2.meanStdDev(luma)
    _, edges = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))
    return Quality(float(mean[0, 0]), float(deviation[0, 0]), float(edges[0, 0]) ** 2)
