"""Which interval a mean per image can have with so many labels: one rule for each case, fixed before any figure was made."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shoal.compare.day_blocks import students_quantile
from shoal.evidence.estimates.difference import Corrected, Floats, correct, image_weights
from shoal.evidence.estimates.gamma_interval import weighted_sum_interval

FEWEST_POSITIVES = 10
"""Labelled images with the taxon: with fewer nobody knows how many individuals an image of it may hold."""

FEWEST_DISAGREEMENTS = 30
"""Labelled images in which people and model differ: with fewer the size of the error is known too badly for a normal interval."""

FEWEST_HEAVY = 5.0
"""Disagreements among images that stand for as many as any does: with fewer nobody knows what those like them hide that were not
drawn, however often people and model differ in images that were drawn (nearly) for certain."""

FEWEST_ALIKE = 8.0
"""Residuals of equal size: where fewer large ones decide alone (a school of a hundred), there is no normal interval either."""

How = Literal["regression", "disagreements", "positives", "counted", "none"]


@dataclass(frozen=True)
class Estimate:
    """A mean per image with the interval of *these images*: were they drawn again, 95 % of such intervals would hold it.

    Attributes:
        how: `regression`: corrected by a line, Student's interval of the design variance. `disagreements`: an exact interval of
            what the model missed and made up. `positives`: an exact interval of the labels alone. `counted`: every image is
            labelled. `none`: not estimable.
        labels: Labelled images.
        positives: Those in which people saw the taxon.
        disagreements: Those of which people and model say something else.
        mean: Per image; None where it is not estimable.
        low: The lower end.
        high: The upper end.
        labels_to_halve: Labels in all with which the interval would be half as wide, or, where nothing is estimable, with which
            it is likely to be; None where that is not known.
        corrected: The line behind a `regression`.
    """

    how: How
    labels: int
    positives: int
    disagreements: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    labels_to_halve: int | None = None
    corrected: Corrected | None = None


def estimate(
    labelled: Floats,
    predicted: Floats,
    probability: Floats,
    images: int,
    all_predicted: float,
    *,
    bounded: bool,
    slope: float | None = None,
    halving: bool = True,
) -> Estimate:
    """Estimate a mean per image, with an interval where so many labels carry one.

    Args:
        labelled: What people saw in each labelled image.
        predicted: What the model predicts in it.
        probability: Of each of them to be drawn.
        images: All images that could have been drawn.
        all_predicted: What the model predicts in all of them.
        bounded: No image holds more than one, as in a share of images.
        slope: See `correct`.
        halving: Also find how many labels halve an exact interval, which takes longer than all else.
    """
    labels, positives = len(labelled), int((labelled > 0).sum())
    disagreements = int((labelled != predicted).sum())
    seen = labels, positives, disagreements
    if labels and labels == images:
        return Estimate("counted", *seen, *(3 * (float(labelled.mean()),)))
    if positives < FEWEST_POSITIVES:
        wanted = -(-labels * FEWEST_POSITIVES // positives) if positives else None
        if not bounded or not labels:
            return Estimate("none", *seen, labels_to_halve=min(wanted, images) if wanted else None)
        return _of_positives(labelled, probability, images, seen, halving=halving)
    if _tell_of_all(labelled != predicted, probability):
        found = correct(labelled, predicted, probability, images, all_predicted, slope=slope)
        if found.freedom >= FEWEST_ALIKE:
            return _of_line(found, seen, images, at_least=labelled.sum() / images, bounded=bounded)
    weights = image_weights(probability, images)
    if weights**2 @ (labelled - predicted) ** 2 >= weights**2 @ labelled**2:  # the model tells less than nothing
        if bounded:
            return _of_positives(labelled, probability, images, seen, halving=halving)
        predicted, all_predicted = np.zeros_like(labelled), 0.0
    return _of_disagreements(labelled, predicted, probability, images, all_predicted, bounded=bounded, halving=halving)


def _tell_of_all(differ: NDArray[np.bool_], probability: Floats) -> bool:
    """Whether images in which people and model differ tell how large the error of drawing is.

    An image of probability 1 has none, and one of 0.9 next to none: each counts for what it adds to the variance, as a share of
    what one of the smallest probability does.
    """
    by_chance = (1 - probability) / probability**2
    if (differ & (by_chance > 0)).sum() < FEWEST_DISAGREEMENTS:
        return False
    return float(by_chance[differ].sum()) >= FEWEST_HEAVY * float(by_chance.max())


def _width(ends: tuple[float, float]) -> float:
    return ends[1] - ends[0]


def _halving(labels: int, images: int, width: Callable[[float], float]) -> int:
    """Find with how many labels in all an interval is half as wide, from its width with so many times as many."""
    low, high = 1.0, 2.0
    while width(high) > width(1.0) / 2:
        high *= 2
    while high - low > 0.02:
        middle = (low + high) / 2
        low, high = (middle, high) if width(middle) > width(1.0) / 2 else (low, middle)
    return min(round(labels * high), images)


def _of_line(found: Corrected, seen: tuple[int, int, int], images: int, at_least: float, *, bounded: bool) -> Estimate:
    """Take Student's interval, moved by the skewness: what few images hold much of is missed more often than it is met.

    Hall (1992), The Bootstrap and Edgeworth Expansion, 3.6; never by more than half of what the interval reaches.
    """
    quantile = students_quantile(found.freedom)
    reach = quantile * sqrt(found.variance)
    moved = min(max(found.third / found.variance * (1 + 2 * quantile**2) / 6, -reach / 2), reach / 2)
    low, high = max(found.mean + moved - reach, at_least), found.mean + moved + reach
    if bounded:
        high = min(high, 1.0)
    wanted = min(round(seen[0] * found.labels_to_halve), images)
    return Estimate("regression", *seen, found.mean, min(low, high), high, wanted, found)


def _of_positives(
    labelled: Floats, probability: Floats, images: int, seen: tuple[int, int, int], *, halving: bool
) -> Estimate:
    """Take the labels alone: a weighted number of images with the taxon, of which few were seen."""
    weights = image_weights(probability, images)
    total, squares, heaviest = float(weights @ labelled), float(weights**2 @ labelled), float(weights.max())
    low, high = weighted_sum_interval(total, squares, heaviest)
    wanted = None
    if halving:
        wanted = _halving(
            seen[0], images, lambda more: _width(weighted_sum_interval(total, squares / more, heaviest / more))
        )
    at_least = float(labelled.sum()) / images
    return Estimate("positives", *seen, total / images, max(low / images, at_least), min(high / images, 1.0), wanted)


def _of_disagreements(
    labelled: Floats,
    predicted: Floats,
    probability: Floats,
    images: int,
    all_predicted: float,
    *,
    bounded: bool,
    halving: bool,
) -> Estimate:
    """Take the model's count, more what it missed, less what it made up: two sums of few things, each with an exact interval.

    The interval of their difference is put together as Zou and Donner (2008), Construction of confidence limits about effect
    measures, Statistics in Medicine 27, do. One more disagreement could be as large as the largest of those seen, or as an image
    with the taxon holds on average, whichever is more.
    """
    weights = image_weights(probability, images)
    error = labelled - predicted
    missed, made_up = np.maximum(error, 0), np.maximum(-error, 0)
    largest = 1.0 if bounded else max(float(np.abs(error).max()), float(labelled[labelled > 0].mean()))
    heaviest = float(weights.max()) * largest

    def ends(more: float) -> tuple[float, float]:
        (least_missed, most_missed), (least_up, most_up) = (
            weighted_sum_interval(float(weights @ part), float(weights**2 @ part**2) / more, heaviest / more)
            for part in (missed, made_up)
        )
        of_missed, of_made_up = float(weights @ missed), float(weights @ made_up)
        below = sqrt((of_missed - least_missed) ** 2 + (most_up - of_made_up) ** 2)
        above = sqrt((most_missed - of_missed) ** 2 + (of_made_up - least_up) ** 2)
        return below, above

    total = all_predicted + float(weights @ error)
    below, above = ends(1.0)
    low = max(total - below, float(labelled.sum()))
    high = min(total + above, float(images)) if bounded else total + above
    wanted = _halving(len(labelled), images, lambda more: sum(ends(more))) if halving else None
    mean = min(max(total, low), high)
    return Estimate(
        "disagreements",
        len(labelled),
        int((labelled > 0).sum()),
        int((error != 0).sum()),
        mean / images,
        low / images,
        high / images,
        wanted,
    )
