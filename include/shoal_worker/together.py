"""Whether a graph finds in images that are given together what it finds in each alone: some exports forget all but the first.

What ultralytics exports with `nms=True` goes through the images of the batch that it was exported with, one after the other, and
leaves those beyond it empty: no error, no box. So each place of a batch is believed once it has answered as the image does alone.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.contract.errors import ShoalError
from shoal_worker.given import Tensors

TOLERANCE = 1e-3
"""Of 1, and of a value, between an image in a batch and alone: what floats in another order of computation differ by."""

HALF_TOLERANCE = 1e-2
"""Likewise where the model computes in halves."""

DOUBTS = 2
"""Images that a place may answer otherwise: of two boxes with one score another one may come last."""


class UnlikeError(ShoalError):
    """The graph answers images together otherwise than alone."""


class Proof:
    """Which places of a batch answer as an image alone does.

    Args:
        tolerance: How far values may lie apart.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self.seconds = 0.0
        """Spent on asking for images alone, so far."""
        self._believed: set[int] = set()
        self._doubts: Counter[int] = Counter()

    def settle(self, together: Sequence[Tensors], ask_alone: Callable[[int], Tensors]) -> list[Tensors]:
        """Take what is believed; ask for each other image alone, and take that.

        Args:
            together: Outputs of each image of a batch.
            ask_alone: Runs the model on one of them, by its place.

        Raises:
            UnlikeError: A place answered otherwise, not for the first time.
        """
        settled = list(together)
        for place, outputs in enumerate(together):
            if place in self._believed:
                continue
            started = time.perf_counter()
            settled[place] = alone = ask_alone(place)
            self.seconds += time.perf_counter() - started
            if not alike(outputs, alone, self._tolerance):
                self._doubts[place] += 1
                if self._doubts[place] >= DOUBTS:
                    raise UnlikeError(f"image {place + 1} of {len(together)} together is answered otherwise than alone")
            elif _shows_something(alone):
                self._believed.add(place)
        return settled


def alike(together: Tensors, alone: Tensors, tolerance: float) -> bool:
    """Compare the outputs of one image; in order of size, since lines with one score may change places."""
    return all(
        together[name].shape == values.shape
        and np.allclose(_sorted(together[name]), _sorted(values), rtol=tolerance, atol=tolerance, equal_nan=True)
        for name, values in alone.items()
    )


def _sorted(values: NDArray[Any]) -> NDArray[Any]:
    return np.sort(values, axis=None)


def _shows_something(outputs: Tensors) -> bool:
    """Whether an output of zeros alone would have been seen: an image without boxes proves nothing."""
    return all(values.any() for values in outputs.values() if np.issubdtype(values.dtype, np.floating))
