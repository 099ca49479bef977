"""A mask as COCO's run lengths: https://github.com/cocodataset/cocoapi, `common/maskApi.c` documents the format.

Counts of pixels down the columns, the first of them outside; each as the difference to the one before the last, in groups of
five bits, lowest first, one character a group. Our own writer: `pycocotools` takes the whole mask of each box in memory.
"""

import numpy as np
from numpy.typing import NDArray


class Outline:
    """A mask that comes in columns, left to right.

    Args:
        image_hw: (height, width) of the image in pixels.
    """

    def __init__(self, image_hw: tuple[int, int]) -> None:
        self._height, self._width = image_hw
        self._borders: list[NDArray[np.int64]] = []
        self.length = 0
        """Numbers so far."""

    def add(self, columns: NDArray[np.bool_], left: int, top: int) -> None:
        """Take in the next columns.

        Args:
            columns: `(columns, rows)`; all pixels above and below are outside.
            left: Place of the first column in the image.
            top: Place of their first row.
        """
        count, rows = columns.shape
        framed = np.zeros((count, rows + 2), bool)
        framed[:, 1:-1] = columns
        changes = np.flatnonzero(framed[:, 1:] != framed[:, :-1])
        column, row = np.divmod(changes, rows + 1)
        self._borders.append((left + column) * self._height + top + row)
        self.length += len(changes)

    def text(self) -> str:
        """Write it; empty where no pixel is inside."""
        borders = np.concatenate(self._borders) if self._borders else np.zeros(0, np.int64)
        if not borders.size:
            return ""
        joined = np.flatnonzero(borders[1:-1:2] == borders[2::2])  # a run that goes on at the top of the next column
        borders = np.delete(borders, np.concatenate([2 * joined + 1, 2 * joined + 2]))
        runs = np.diff(borders, prepend=0)
        last = self._height * self._width - int(borders[-1])
        return _encode(np.append(runs, last) if last else runs)


def _encode(runs: NDArray[np.int64]) -> str:
    numbers = runs.copy()
    numbers[3:] -= runs[1:-2]
    characters, written = [], []
    open_numbers = np.ones(len(numbers), bool)
    while open_numbers.any():
        group, numbers = numbers & 31, numbers >> 5
        ends = numbers == np.where(group & 16, -1, 0)
        characters.append(np.where(ends, group, group | 32) + 48)
        written.append(open_numbers)
        open_numbers = open_numbers & ~ends
    groups = np.stack(characters, axis=1).astype(np.uint8)
    text: bytes = groups[np.stack(written, axis=1)].tobytes()
    return text.decode("ascii")
