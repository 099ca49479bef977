"""From prototypes and coefficients to outlines at the image's size.

As ultralytics' `retina_masks=True`: the logits are scaled up linearly, first to where the padding ends on whole pixels, then
to the image; what is above 0 inside the box is the mask. Only the box is drawn, a few columns at a time: 300 masks of an
image of 100 megapixels would be 30 GB.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from shoal.contract.families.segment import SCALE
from shoal_worker.families.nms import Floats
from shoal_worker.image.letterbox import Inner
from shoal_worker.tasks.outline import Outline

BAND_PIXELS = 1 << 20
"""Pixels of a mask that are drawn at once, about."""

MOST_CHARACTERS = 32 << 20
"""Text of all masks of an image. A smooth outline takes 6 characters for each column of its box; only noise takes so much."""


@dataclass(frozen=True)
class _Taps:
    """Linear interpolation along one side: pixel i lies between `low[i]` and `high[i]`, `part[i]` on the way."""

    low: NDArray[np.intp]
    high: NDArray[np.intp]
    part: Floats

    @classmethod
    def of(cls, places: NDArray[np.intp], size: int, wanted: int) -> "_Taps":
        """Find what pixels need.

        Args:
            places: Which of the wanted pixels.
            size: Pixels there are.
            wanted: Pixels there are to be along the same side.
        """
        source = ((places + 0.5) * (size / wanted) - 0.5).clip(0)
        low = source.astype(np.intp)
        return cls(low, np.minimum(low + 1, size - 1), (source - low).astype(np.float32))

    @property
    def span(self) -> tuple[int, int]:
        """First and one after the last pixel that is needed."""
        return int(self.low[0]), int(self.high[-1]) + 1

    def along_first(self, values: Floats, start: int = 0) -> Floats:
        """Interpolate the first side of values, which begin at pixel `start`."""
        low, between = values[self.low - start], values[self.high - start]
        between -= low  # in place: most of the time goes into memory
        between *= self.part[:, None]
        between += low
        return between


class Prototypes:
    """The shapes of which masks are mixed.

    Args:
        values: `(m, h, w)` float32.
        image_hw: (height, width) of the image in pixels.
    """

    def __init__(self, values: Floats, image_hw: tuple[int, int]) -> None:
        self.values = values
        self.image_hw = image_hw
        hw = (values.shape[1], values.shape[2])
        inner = Inner.of((SCALE * hw[0], SCALE * hw[1]), image_hw)
        paddings = (SCALE * hw[0] - inner.height, SCALE * hw[1] - inner.width)
        factor = next(
            factor for factor in (1, 2, 4) if factor == SCALE or all(pad % (8 // factor) == 0 for pad in paddings)
        )
        self._larger = (factor * hw[0], factor * hw[1])
        self._inner = Inner.of(self._larger, image_hw)

    def taps(self, side: int, first: int, end: int) -> tuple[_Taps, _Taps]:
        """Say how pixels `first` to `end` of a side (0 down, 1 across) of the image come from the prototypes.

        Returns:
            From the prototypes to the larger ones; from these, counted from the first that is needed, to the image.
        """
        offset, content = (self._inner.top, self._inner.height) if side == 0 else (self._inner.left, self._inner.width)
        second = _Taps.of(np.arange(first, end), content, self.image_hw[side])
        start, stop = second.span
        within = _Taps(second.low - start, second.high - start, second.part)
        size = self.values.shape[1 + side]
        return _Taps.of(np.arange(start + offset, stop + offset), size, self._larger[side]), within


def outline_all(prototypes: Prototypes, coefficients: Floats, xyxy: Floats) -> list[str | None]:
    """Draw the masks of one image.

    Args:
        prototypes: Those of the image.
        coefficients: `(n, m)` float32.
        xyxy: `(n, 4)` float32 boxes in pixels of the image, clipped to it, best first.

    Returns:
        COCO RLE of each; empty text where a mask is empty, None where there was no room left for it.
    """
    room = MOST_CHARACTERS
    masks: list[str | None] = []
    for weights, box in zip(coefficients, xyxy, strict=True):
        text = _outline(prototypes, weights, box, room)
        room -= len(text or "")
        masks.append(text)
    return masks


def _outline(prototypes: Prototypes, weights: Floats, box: Floats, room: int) -> str | None:
    left, top, right, bottom = (ceil(side) for side in box)
    outline = Outline(prototypes.image_hw)
    if left < right and top < bottom:
        for column, band in _bands(prototypes, weights, (left, top, right, bottom)):
            outline.add(band, column, top)
            if outline.length > room:  # each number takes a character or more
                return None
    text = outline.text()
    return text if len(text) <= room else None


def _bands(
    prototypes: Prototypes, weights: Floats, box: tuple[int, int, int, int]
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Draw a mask in columns of its box: the first of them, and `(columns, rows)`, a few at a time."""
    left, top, right, bottom = box
    rows = prototypes.taps(0, top, bottom)
    row, end_row = rows[0].span
    columns = max(1, BAND_PIXELS // (bottom - top))
    for first in range(left, right, columns):
        taps = prototypes.taps(1, first, min(first + columns, right))
        column, end_column = taps[0].span
        part = prototypes.values[:, row:end_row, column:end_column]
        logits = np.tensordot(weights, part, axes=1)  # (rows, columns) of the prototypes
        tall = rows[1].along_first(rows[0].along_first(logits, row))
        wide = taps[1].along_first(taps[0].along_first(np.ascontiguousarray(tall.T), column))
        yield first, wide > 0
