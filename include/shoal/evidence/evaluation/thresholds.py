"""The threshold that suits a taxon best, chosen on some days and judged on others, so that it does not flatter itself."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.compare.agreement import THRESHOLDS
from shoal.evidence.evaluation.measures import FEWEST, Floats, Measured, Sums, bias, f1, measure
from shoal.evidence.evaluation.scored import ScoredTaxon

FOLDS = 5
FEWEST_DAYS = 10
"""Days with labels: with fewer there are no others to judge on."""

Best = Literal["bias", "f1"]


@dataclass(frozen=True)
class Threshold:
    """A proposed threshold.

    Attributes:
        best: What it is best in.
        conf: It, chosen on all labels.
        bias: Bias of counts, of thresholds chosen without the days that they are judged on.
        f1: F1, likewise.
        flattered: What it is best in, as judged on the labels that it was chosen on.
        spread: The lowest and highest threshold that the parts chose.
    """

    best: Best
    conf: float
    bias: Measured
    f1: Measured
    flattered: float
    spread: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return {
            "best": self.best,
            "conf": self.conf,
            "bias": self.bias.to_json(),
            "f1": self.f1.to_json(),
            "flattered": self.flattered,
            "spread": list(self.spread),
        }


def choose(
    taxon: ScoredTaxon, weights: Floats, captured_at: NDArray[np.datetime64], best: Best, current: float
) -> Threshold | None:
    """Choose a threshold; None with fewer than 10 days, or 10 labelled images with the taxon.

    Of thresholds that are equally good it is the one nearest to the current one. Days are dealt to five parts in turn; each part
    is judged with what the other four would choose (cross-fitting: Zrnic and Candès 2024, arXiv 2309.16598).

    Args:
        taxon: What the version says of it.
        weights: Of the labelled images.
        captured_at: UTC.
        best: What the threshold is to be best in.
        current: That of the version.
    """
    days, places = np.unique(captured_at.astype("datetime64[D]"), return_inverse=True)
    if len(days) < FEWEST_DAYS or (taxon.labelled > 0).sum() < FEWEST:
        return None
    allowed = [place for place, conf in enumerate(THRESHOLDS) if conf >= taxon.lowest]
    if not allowed:
        return None
    by_threshold = {
        place: Sums.of(taxon.labelled, taxon.at[:, place], taxon.right_at[:, place], weights).rows for place in allowed
    }
    folds = places % FOLDS
    judged, chosen = np.zeros((len(weights), 3)), []
    for fold in range(FOLDS):
        own = folds == fold
        place = _best(by_threshold, ~own, best, current)
        chosen.append(THRESHOLDS[place])
        judged[own] = by_threshold[place][own]
    place = _best(by_threshold, np.ones(len(folds), dtype=bool), best, current)
    on_all = by_threshold[place].sum(axis=0)
    return Threshold(
        best,
        THRESHOLDS[place],
        measure("bias", Sums(judged, weights)),
        measure("f1", Sums(judged, weights)),
        float((bias if best == "bias" else f1)(on_all)),
        (min(chosen), max(chosen)),
    )


def _best(by_threshold: dict[int, Floats], which: NDArray[np.bool_], best: Best, current: float) -> int:
    def cost(place: int) -> tuple[float, float, float]:
        sums = by_threshold[place][which].sum(axis=0)
        value = float(np.nan_to_num(np.abs(bias(sums)) if best == "bias" else -f1(sums), nan=np.inf))
        return round(value, 9), round(-float(np.nan_to_num(f1(sums))), 9), abs(THRESHOLDS[place] - current)

    return min(by_threshold, key=cost)
