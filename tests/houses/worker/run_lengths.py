"""COCO's run lengths read back, one character after the other."""

import numpy as np


def decode(counts: str, height: int, width: int) -> np.ndarray:
    """The mask that a text stands for, `(height, width)` bool."""
    runs, number, shift = [], 0, 0
    for character in counts.encode():
        group = character - 48
        number |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            number -= 1 << shift
        runs.append(number + runs[-2] if len(runs) > 2 else number)
        number, shift = 0, 0
    assert sum(runs) == height * width
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(width, height).T
