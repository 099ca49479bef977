"""Two versions on the same labels: which is better, on what, and where."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from shoal.evidence.evaluation.measures import MEASURES, Measured, Sums, difference
from shoal.evidence.evaluation.scored import Scored
from shoal.evidence.evaluation.version import PARTS, individuals_of, names_of_parts


@dataclass(frozen=True)
class Change:
    """What a measure changes by from the first version to the second, on the same labelled images.

    Attributes:
        taxon: Its name.
        measure: Of `MEASURES`; of bias it is how much farther from none.
        part: `month`, `hour` or `camera`; empty of all images.
        name: Of the part.
        by: The change, with the interval of pairs.
    """

    taxon: str
    measure: str
    part: str
    name: str
    by: Measured

    @property
    def verdict(self) -> str:
        """What may be said of it: `better`, `worse`, `no difference shown` or `too few images differ`."""
        if self.by.low is None or self.by.high is None:
            return "too few images differ"
        if self.by.low <= 0 <= self.by.high:
            return "no difference shown"
        return "better" if (self.by.low > 0) != (self.measure == "bias") else "worse"

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return {
            "taxon": self.taxon,
            "measure": self.measure,
            "part": self.part or None,
            "name": self.name or None,
            **self.by.to_json(),
            "verdict": self.verdict,
        }


def compare_versions(first: Scored, second: Scored) -> tuple[Change, ...]:
    """Compare two versions on images that both were judged on, in the same order."""
    weights = 1 / first.probability
    parts = {part: names_of_parts(first, part) for part in PARTS}
    found: list[Change] = []
    for name in first.taxa:
        if name not in second.taxa:
            continue
        sums = [individuals_of(scored.taxa[name], weights) for scored in (first, second)]
        found += [Change(name, one, "", "", difference(one, *sums)) for one in MEASURES]
        for part, names in parts.items():
            if len(np.unique(names)) < 2:
                continue
            found += _of_parts(name, part, names, sums)
    return tuple(found)


def _of_parts(taxon: str, part: str, names: np.ndarray, sums: list[Sums]) -> Iterator[Change]:
    for name in np.unique(names):
        own = names == name
        by = difference("f1", *(one.only(own) for one in sums))
        if by.low is not None:
            yield Change(taxon, "f1", part, str(name), by)
