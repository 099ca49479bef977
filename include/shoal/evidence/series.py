"""Rows of one camera and deployment among those of all."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def split_series(
    cameras: NDArray[np.object_], deployments: NDArray[np.object_]
) -> Iterator[tuple[tuple[str, str], slice]]:
    """Split sorted columns by camera and deployment."""
    start = 0
    for end in range(1, len(cameras) + 1):
        if end == len(cameras) or (cameras[end], deployments[end]) != (cameras[start], deployments[start]):
            yield (str(cameras[start]), str(deployments[start])), slice(start, end)
            start = end
