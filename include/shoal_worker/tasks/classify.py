"""A score for each class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scores:
    """What an image as a whole shows.

    Attributes:
        by_class: `(classes,)` float32, 0..1; what the model could not compute is not finite.
    """

    by_class: NDArray[np.float32]

    def to_columns(self) -> dict[str, Any]:
        """Write them as the rows hold them: unknown where the model gave no number."""
        scores, known = self.by_class.tolist(), np.isfinite(self.by_class).tolist()
        return {"class_scores": [score if good else None for score, good in zip(scores, known, strict=True)]}

    def describe(self, names: Sequence[str]) -> dict[str, Any]:  # noqa: ARG002 - their order says which is which
        """Write them for people, by class."""
        scores = self.to_columns()["class_scores"]
        return {"class_scores": [None if score is None else round(score, 6) for score in scores]}
