"""What a box is called by the scores of a second model: its best class, or what stands above several that are alike."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.contract.errors import ConfigError
from shoal.contract.then import SHARES_SUM, RollUp

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Called:
    """What the second model says of a box.

    Attributes:
        class_id: Of its classes and the taxa above them; None where nothing reaches the score that a name needs.
        confidence: The score of that, or of its best class where there is no name; None where it gave no number at all.
    """

    class_id: int | None
    confidence: float | None


class Naming:
    """Names by the scores of one model.

    Args:
        classes: How many classes it has.
        roll_up: What it does where the best one is unsure; None for nothing.

    Raises:
        ConfigError: The plan was made for another number of classes.
    """

    def __init__(self, classes: int, roll_up: RollUp | None) -> None:
        self._roll_up = roll_up
        self._said = False
        self._lines: list[list[int]] = []
        if roll_up is None:
            return
        if len(roll_up.parents) != classes + len(roll_up.ancestors):
            raise ConfigError(
                f"The plan rolls up {len(roll_up.parents) - len(roll_up.ancestors)} classes of the second model, its file has "
                f"{classes} - plan the run again"
            )
        self._lines = [_line(class_id, roll_up.parents) for class_id in range(len(roll_up.parents))]

    def call(self, scores: NDArray[np.float32]) -> Called:
        """Name what has these scores, `(classes,)`; what is no number counts as 0."""
        known = np.isfinite(scores)
        if not known.any():
            return Called(None, None)
        scores = np.where(known, scores, np.float32(0))
        best = int(scores.argmax())
        sure = Called(best, float(scores[best]))
        if self._roll_up is None or scores[best] >= np.float32(self._roll_up.min_conf):
            return sure
        if (total := scores.sum(dtype=np.float64)) > SHARES_SUM:
            self._say_no_shares(total)
            return Called(None, sure.confidence)
        return self._above(scores, np.float32(self._roll_up.min_conf)) or Called(None, sure.confidence)

    def _say_no_shares(self, total: float) -> None:
        """Say it once: each box says the same of the model."""
        if not self._said:
            self._said = True
            log.warning(
                "Scores of the second model sum to %.3g: they are no shares of one whole, so that none is added to another where "
                "its best class is unsure (model.then.min_conf), and the first model's class stays - export it with a softmax",
                total,
            )

    def _above(self, scores: NDArray[np.float32], least: np.float32) -> Called | None:
        """Find the lowest name that reaches the score together with all that stands below it.

        Where several do, of which none stands above another, it is the one with the highest score, then the first one.
        """
        sums = np.zeros(len(self._lines), np.float64)
        for class_id, score in enumerate(scores.tolist()):
            sums[[class_id, *self._lines[class_id]]] += score
        together = np.minimum(sums, 1).astype(np.float32)
        reach = np.flatnonzero(together >= least).tolist()
        higher = {above for one in reach for above in self._lines[one]}
        lowest = [one for one in reach if one not in higher]
        if not lowest:
            return None
        found = max(lowest, key=lambda one: (together[one], -one))
        return Called(found, float(together[found]))


def _line(class_id: int, parents: tuple[int | None, ...]) -> list[int]:
    """Walk up from a class.

    Raises:
        ConfigError: The plan's parents go round.
    """
    line: list[int] = []
    parent = parents[class_id]
    while parent is not None:
        if parent in line or parent == class_id:
            raise ConfigError("The plan's roll-up names parents that go round - plan the run again")
        line.append(parent)
        parent = parents[parent]
    return line
