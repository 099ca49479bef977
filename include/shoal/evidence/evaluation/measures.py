"""Precision, recall and what follows from them, weighted by the design, with intervals that few labels can carry."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from shoal.compare.day_blocks import students_quantile
from shoal.evidence.estimates.gamma_interval import weighted_sum_interval

Floats = NDArray[np.float64]

FEWEST = 10
"""Labelled images behind a share, or images in which two versions differ: with fewer there is no interval, and no verdict."""


@dataclass(frozen=True)
class Sums:
    """What each labelled image adds, weighted: one column each for right, made up and missed.

    Attributes:
        rows: By image.
        weights: Of the images: so many does each stand for.
    """

    rows: Floats
    weights: Floats

    @classmethod
    def of(
        cls, labelled: NDArray[np.int64], found: NDArray[np.int64], right: NDArray[np.int64], weights: Floats
    ) -> "Sums":
        """Weigh what was found, and of it what is right."""
        return cls(np.stack([right, found - right, labelled - right], axis=1) * weights[:, None], weights)

    def only(self, which: NDArray[np.bool_]) -> "Sums":
        """Take some of the images."""
        return Sums(self.rows[which], self.weights[which])


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
    several individuals an image (Korn and Graubard 1998, Survey Methodology 24); of the bias, Student's. Both from the jackknife,
    which knows of what was drawn alone. Of the others no interval is closer than what could be missed or made up in them allows.
    """
    shares = name != "bias"
    behind = sums.rows @ _BEHIND[name]
    images = int((behind > 0).sum())
    value = float(MEASURES[name](sums.rows.sum(axis=0)))
    if np.isnan(value):
        return Measured(None, None, None, images)
    if images < FEWEST:
        return Measured(value, None, None, images)
    variance = jackknife(MEASURES[name], sums.rows)
    least, most = _undrawn(MEASURES[name], sums.rows, _errors(name, sums))
    if shares:
        low, high = _wilson(value, _effective(value, variance, behind, images), images)
        least, most = max(least, 0.0), min(most, 1.0)
    else:
        reach = students_quantile(max(images - 1, 9)) * sqrt(variance)
        low, high = value - reach, value + reach
    return Measured(value, min(low, least), max(high, most), images)


def difference(name: str, first: Sums, second: Sums) -> Measured:
    """Give how much more a measure is in the second one, on the same images: Student's interval of the jackknife of pairs."""
    both = np.concatenate([first.rows, second.rows], axis=1)

    def apart(sums: Floats) -> Floats:
        one, other = MEASURES[name](sums[..., :3]), MEASURES[name](sums[..., 3:])
        difference_of: Floats = np.abs(other) - np.abs(one) if name == "bias" else other - one
        return difference_of

    images = int((np.abs(first.rows - second.rows).sum(axis=1) > 0).sum())
    value = float(apart(both.sum(axis=0)))
    if np.isnan(value):
        return Measured(None, None, None, images)
    if images < FEWEST:
        return Measured(value, None, None, images)
    reach = students_quantile(max(images - 1, 9)) * sqrt(jackknife(apart, both))
    least, most = _undrawn(apart, both, _done_by_one(first, second))
    return Measured(value, min(value - reach, least), max(value + reach, most), images)


def jackknife(of: Callable[[Floats], Floats], rows: Floats) -> float:
    """Find the variance of a ratio of sums, leaving out each image once: Efron and Stein (1981), Annals of Statistics 9.

    That images are few of many is not made use of, so it is not too small.
    """
    images = len(rows)
    without = of(rows.sum(axis=0) - rows)
    without = without[~np.isnan(without)]
    if len(without) < 2:
        return 0.0
    return float((images - 1) / images * ((without - without.mean()) ** 2).sum())


@dataclass(frozen=True)
class _Error:
    """Something that may also have happened in images that were not drawn.

    Attributes:
        seen: How much of it each labelled image has, weighted.
        heaviest: How much one image more could have.
        adds: What one more of it adds to the sums.
    """

    seen: Floats
    heaviest: float
    adds: Floats


def _errors(name: str, sums: Sums) -> Iterator[_Error]:
    """Give what a version may do wrong: miss in any image, make up in one in which it finds something, or for a bias in any.

    A bias of a taxon that is found nowhere were else known to the last box.
    """
    _, made_up, missed = sums.rows.T
    if name != "precision":
        yield _Error(missed, _heaviest(sums, np.ones(len(missed), dtype=bool)), np.array([0.0, 0.0, 1.0]))
    finds = sums.rows[:, :2].sum(axis=1) > 0
    if name == "bias" and not finds.any():
        finds = np.ones(len(made_up), dtype=bool)
    if name != "recall" and finds.any():
        yield _Error(made_up, _heaviest(sums, finds), np.array([0.0, 1.0, 0.0]))


def _done_by_one(first: Sums, second: Sums) -> Iterator[_Error]:
    """Give what one of two versions may miss that the other one finds, and what one alone may make up."""
    _, made_up, missed = (first.rows - second.rows).T
    heaviest = _heaviest(first, np.ones(len(missed), dtype=bool))
    yield _Error(np.maximum(missed, 0), heaviest, np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0]))
    yield _Error(np.maximum(-missed, 0), heaviest, np.array([1.0, 0.0, 0.0, 0.0, 0.0, 1.0]))
    yield _Error(np.maximum(made_up, 0), heaviest, np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0]))
    yield _Error(np.maximum(-made_up, 0), heaviest, np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0]))


def _heaviest(sums: Sums, which: NDArray[np.bool_]) -> float:
    """Say how much one image more could have: as many as an image with the taxon holds, at the greatest weight of such images."""
    there = sums.rows[:, [0, 2]].sum(axis=1) / sums.weights
    return float(sums.weights[which].max() * (there[there > 0].mean() if there.any() else 1.0))


def _undrawn(of: Callable[[Floats], Floats], rows: Floats, errors: Iterable[_Error]) -> tuple[float, float]:
    """Find how far a measure could lie off, had other images been drawn, from exact intervals of what few of them have.

    Each error has its gamma interval; how far they move the measure is put together as Zou and Donner (2008) do.
    """
    sums = rows.sum(axis=0)
    value, below, above = float(of(sums)), 0.0, 0.0
    for error in errors:
        seen = float(error.seen.sum())
        for end in weighted_sum_interval(seen, float((error.seen**2).sum()), error.heaviest):
            apart = float(of(sums + (end - seen) * error.adds)) - value
            below, above = below + min(apart, 0.0) ** 2, above + max(apart, 0.0) ** 2
    return value - sqrt(below), value + sqrt(above)


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
