"""An image in overlapping tiles, and the boxes found in them brought together: for animals that are small in large photos.

Tiles are those of sahi 0.12, and so are the boxes, with `NMS`, `IOS`, 0.5, by class, and the whole image once besides:
https://obss.github.io/sahi/, Akyon et al. 2022, https://doi.org/10.1109/ICIP46576.2022.9897990. Its own default widens boxes by
weaker ones; then a stored box would depend on the lowest confidence stored, and no threshold could be applied afterwards.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from shoal_worker.image.letterbox import Image
from shoal_worker.tasks.detect import Detections

MATCH_IOS = 0.5
"""Boxes of one class that share so much of the smaller one, or more, are one animal seen twice: a tile may show half of it."""


@dataclass(frozen=True)
class Tiles:
    """How images are cut.

    Attributes:
        size_hw: (height, width) of a tile in pixels of the image.
        overlap: Share of a tile that the next one shows again.
    """

    size_hw: tuple[int, int]
    overlap: float

    def places(self, image_hw: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
        """Cut an image: `x1, y1, x2, y2` of each tile, row by row; the last ones are moved in, not cut."""
        across = list(_spans(image_hw[1], self.size_hw[1], self.overlap))
        for top, bottom in _spans(image_hw[0], self.size_hw[0], self.overlap):
            for left, right in across:
                yield left, top, right, bottom

    def detect(self, image: Image, look: Callable[[Image], Detections], max_det: int) -> Detections:
        """Look at every tile and at the whole image, and bring together what was found.

        Args:
            image: `(h, w, 3)` uint8 BGR.
            look: Finds boxes in an image, in its pixels.
            max_det: Most boxes kept.
        """
        height, width = image.shape[:2]
        found, moved_by = [], []
        for left, top, right, bottom in self.places((height, width)):
            if (bottom - top, right - left) != (height, width):
                found.append(look(image[top:bottom, left:right]))
                moved_by.append((left, top, left, top))
        found.append(look(image))
        moved_by.append((0, 0, 0, 0))
        together = Detections(
            class_id=np.concatenate([one.class_id for one in found]),
            confidence=np.concatenate([one.confidence for one in found]),
            xyxy=np.concatenate([one.xyxy + np.array(by, np.float32) for one, by in zip(found, moved_by, strict=True)]),
            max_det_reached=any(one.max_det_reached for one in found),
        )
        return merge(together, max_det)


def merge(found: Detections, max_det: int) -> Detections:
    """Drop each box that overlaps a better one of its class.

    Args:
        found: Boxes of several tiles, in pixels of the image.
        max_det: Most boxes kept.
    """
    x1, y1, x2, y2 = found.xyxy.T
    left = np.lexsort((y2, x2, y1, x1, -found.confidence))
    kept: list[int] = []
    while left.size and len(kept) < max_det:
        best, others = left[0], left[1:]
        kept.append(int(best))
        same = found.class_id[others] == found.class_id[best]
        left = others[~(same & (_shared_of_smaller(found.xyxy[best], found.xyxy[others]) >= MATCH_IOS))]
    places = np.array(kept, dtype=np.intp)
    return Detections(
        class_id=found.class_id[places],
        confidence=found.confidence[places],
        xyxy=found.xyxy[places],
        max_det_reached=found.max_det_reached or len(kept) >= max_det,
    )


def _spans(side: int, size: int, overlap: float) -> Iterator[tuple[int, int]]:
    """Cut one side into pieces of `size` pixels that share `overlap` of it."""
    start, shared = 0, int(overlap * size)
    while start + size < side:
        yield start, start + size
        start += size - shared
    yield max(0, side - size), side


def _shared_of_smaller(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over the smaller of two boxes, for one and each of n; 0 where a box has no area."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    smaller = np.minimum(np.prod(box[2:] - box[:2]), np.prod(others[:, 2:] - others[:, :2], axis=1))
    return cast(NDArray[np.float32], np.divide(shared, smaller, out=np.zeros_like(shared), where=smaller > 0))
