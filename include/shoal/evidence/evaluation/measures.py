"""Precision, recall and what follows from them, weighted by the design, with intervals that few labels can carry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from shoal.compare.day_blocks import students_quantile

Floats = NDArray[np.float64]

FEWEST = 10
"""Labelled images behind a share, or images in which two versions differ: with fewer there is no interval, and no verdict."""


@dataclass(frozen=True)
class Sums:
    """What each labelled image adds, weighted: one column each for right, made up and missed.

    Attributes:
        rows: By image.
    """

    rows: Floats

    @classmethod
    def of(
        cls, labelled: NDArray[np.int64], found: NDArray[np.int64], right: NDArray[np.int64], weights: Floats
    ) -> "Sums":
        """Weigh what was found, and of it what is right."""
        return cls(np.stack([right, found - right, labelled - right], axis=1) * weights[:, None])


def precision(sums: Floats) -> Floats:
    """Share of what was found that is right."""
    return _share(sums[..., 0], sums[..., 0] + sums[..., 1])


def recall(sums: Floats) -> Floats:
    """Share of what is there that was found."""
    return _share(sums[..., 0], sums[..., 0] + sums[..., 2])


def f1(sums: Floats) -> Floats:
    """The harmonic mean of both."""
    return _share(2 * sums[..., 0], 2 * sums[..., 0] + sums[..., 1] + sums[..., 2])


def bias(sums: Floats) -> Floats:
    """How much more is counted than there is, as a share of what is there."""
    return _share(sums[..., 1] - sums[..., 2], sums[..., 0] + sums[..., 2])


MEASURES: Mapping[str, Callable[[Floats], Floats]] = {"precision": precision, "recall": recall, "f1": f1, "bias": bias}


_BEHIND: Mapping[str, Floats] = {
    "precision": np.array([1.0, 1.0, 0.0]),
    "recall": np.array([1.0, 0.0, 1.0]),
    "f1": np.array([1.0, 1.0, 1.0]),
    "bias": np.array([0.0, 1.0, 1.0]),
}
"""Which columns of sums say that an image tells of a measure: of the bias only images in which people and model differ."""


@dataclass(frozen=True)
class Measured:
    """A measure with its interval.

    Attributes:
        value: It; None where nothing is behind it.
        low: The lower end; None where too few labels are behind it.
        high: The upper end.
        images: Labelled images behind it; of the bias those in which people and model differ.
    """

    value: float | None
    low: float | None
    high: float | None
    images: int

    def to_json(self) -> dict[str, float | int | None]:
        """Write it."""
        return {"value": self.value, "low": self.low, "high": self.high, "images": self.images}


def measure(name: str, sums: Sums) -> Measured:
    """Give one of `MEASURES` with its interval at 95 %.

    Of a share it is Wilson's (1927), at the number of labels that would be as uncertain as these are with their weights and with
    several individuals an image (Korn and Graubard 1998, Survey Methodology 24); of the bias, Student's. Both from the jackknife.
    """
    shares = name != "bias"
    behind = sums.rows @ _BEHIND[name]
    images = int((behind > 0).sum())
    value = float(MEASURES[name](sums.rows.sum(axis=0)))
    if np.isnan(value):
        return Measured(None, None, None, images)
    if images < FEWEST:
        return Measured(value, None, None, images)
    variance = jackknife(MEASURES[name], sums)
    if not shares:
        reach = students_quantile(max(images - 1, 9)) * sqrt(variance)
        return Measured(value, value - reach, value + reach, images)
    return Measured(value, *_wilson(value, _effective(value, variance, behind, images), images), images)


def difference(name: str, first: Sums, second: Sums) -> Measured:
    """Give how much more a measure is in the second one, on the same images: Student's interval of the jackknife of pairs."""
    both = Sums(np.concatenate([first.rows, second.rows], axis=1))

    def apart(sums: Floats) -> Floats:
        one, other = MEASURES[name](sums[..., :3]), MEASURES[name](sums[..., 3:])
        difference_of: Floats = np.abs(other) - np.abs(one) if name == "bias" else other - one
        return difference_of

    images = int((np.abs(first.rows - second.rows).sum(axis=1) > 0).sum())
    value = float(apart(both.rows.sum(axis=0)))
    if np.isnan(value):
        return Measured(None, None, None, images)
    if images < FEWEST:
        return Measured(value, None, None, images)
    reach = students_quantile(max(images - 1, 9)) * sqrt(jackknife(apart, both))
    return Measured(value, value - reach, value + reach, images)


def jackknife(of: Callable[[Floats], Floats], sums: Sums) -> float:
    """Find the variance of a ratio of sums, leaving out each image once: Efron and Stein (1981), Annals of Statistics 9.

    That images are few of many is not made use of, so it is not too small.
    """
    images = len(sums.rows)
    without = of(sums.rows.sum(axis=0) - sums.rows)
    without = without[~np.isnan(without)]
    if len(without) < 2:
        return 0.0
    return float((images - 1) / images * ((without - without.mean()) ** 2).sum())


def _effective(value: float, variance: float, behind: Floats, images: int) -> float:
    by_weights = float(behind.sum() ** 2 / (behind**2).sum())
    if variance <= 0 or not 0 < value < 1:
        return min(by_weights, images)
    return max(min(value * (1 - value) / variance, images), 1.0)


def _wilson(value: float, effective: float, images: int) -> tuple[float, float]:
    z = students_quantile(max(images - 1, 9))
    middle = (value + z**2 / (2 * effective)) / (1 + z**2 / effective)
    reach = z / (1 + z**2 / effective) * sqrt(max(value * (1 - value), 0) / effective + z**2 / (4 * effective**2))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(np.asarray(part, np.float64), np.nan), where=np.asarray(whole) > 0)
