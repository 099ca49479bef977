"""Masks as rows hold them: COCO's compressed RLE, columns of pixels from the left, runs of 0 and 1 by turns, 0 first.

https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c, rleToString. The text alone does not say how large its image
is.
"""

import re
from itertools import accumulate

from shoal.contract.errors import ContractError, shown

MOST_NUMBERS = 100_000
"""Texts of numbers that are remembered; of images up to 100 megapixels hardly more are met."""

_NUMBER = re.compile("[P-o]{0,11}[0-O]")


class _Numbers(dict[str, int]):
    """What each text of a number says, read once: masks consist of few of them, and a million masks have many signs."""

    def __missing__(self, text: str) -> int:
        fives = [ord(sign) - 48 for sign in text]
        value = sum((five & 31) << 5 * place for place, five in enumerate(fives))
        if fives[-1] & 16:
            value -= 1 << 5 * len(fives)
        if len(self) < MOST_NUMBERS:
            self[text] = value
        return value


_NUMBERS = _Numbers()


def runs_of(mask: str) -> list[int]:
    """Read the lengths of the runs.

    A number is written in fives of bits, the lowest first, each as a sign from `0` on; 32 says that more follow, and the fourth
    number and those after it are what is more than the one before the last.

    Raises:
        ContractError: It is no such text.
    """
    zeros, ones = _zeros_and_ones(mask)
    runs = [0] * (len(zeros) + len(ones))
    runs[::2], runs[1::2] = zeros, ones
    return runs


def _zeros_and_ones(mask: str) -> tuple[list[int], list[int]]:
    texts = _NUMBER.findall(mask)
    numbers = [_NUMBERS[text] for text in texts]
    ones = list(accumulate(numbers[1::2]))
    zeros = [*numbers[:1], *accumulate(numbers[2::2])]
    if sum(map(len, texts)) != len(mask) or min(ones, default=0) < 0 or min(zeros, default=0) < 0:
        raise ContractError(f"Mask {shown(mask, 40)!r} is no COCO RLE - the model's family wrote it wrongly")
    return zeros, ones


def area_of(mask: str | None, width: int | None, height: int | None) -> int | None:
    """Count the pixels of a mask; None where there is none, or where it is not of an image of this size.

    Args:
        mask: As a row holds it.
        width: Of its image, px.
        height: Of its image, px.
    """
    if mask is None or width is None or height is None:
        return None
    try:
        zeros, ones = _zeros_and_ones(mask)
    except ContractError:
        return None
    area = sum(ones)
    return area if sum(zeros) + area == width * height else None


def spans_of(mask: str, height: int) -> list[list[tuple[int, int]]]:
    """Read the rows that are set in each column of pixels, from the left: first row and the one after the last.

    Args:
        mask: As a row holds it.
        height: Of its image, px.

    Raises:
        ContractError: It is no such text, or not of an image of this height.
    """
    runs = runs_of(mask)
    if height < 1 or sum(runs) % height:
        raise ContractError(f"Mask {shown(mask, 40)!r} is not of an image {height} px high")
    columns: list[list[tuple[int, int]]] = [[] for _ in range(sum(runs) // height)]
    at = 0
    for number, run in enumerate(runs):
        if number % 2:
            start = at
            while start < at + run:
                column, row = divmod(start, height)
                end = min(height, row + at + run - start)
                columns[column].append((row, end))
                start += end - row
        at += run
    return columns
