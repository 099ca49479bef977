"""The one judge of whether what a model gives are probabilities: a graph without its last layer gives other numbers."""

import numpy as np

from shoal.contract.errors import ModelRefusedError
from shoal.contract.model_info import EXPORT_HINT
from shoal_worker.families.codec import Floats

ROUNDING = 1e-3
"""How far a probability may lie outside 0..1: half precision has 11 bits."""


def check_probabilities(scores: Floats) -> None:
    """Check scores, those of places with nothing too: of a graph without its sigmoid most lie below 0.

    Args:
        scores: Of any shape. What is no finite number is none of them, and for its family to drop.

    Raises:
        ModelRefusedError: One lies outside 0..1.
    """
    if not scores.size or (scores.min() >= -ROUNDING and scores.max() <= 1 + ROUNDING):  # False where one is no number
        return
    known = scores[np.isfinite(scores)]
    if known.size and not (known.min() >= -ROUNDING and known.max() <= 1 + ROUNDING):
        raise ModelRefusedError(
            f"Model gives scores from {known.min():.3g} to {known.max():.3g}, probabilities from 0 to 1 are expected - "
            f"its last layer must be a softmax or a sigmoid; {EXPORT_HINT}"
        )
