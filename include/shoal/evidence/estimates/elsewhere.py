"""The interval of *this place in such a season*: how far a corrected mean would lie on other days like these."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from shoal.compare.day_blocks import FEWEST_DAYS, Interval, block_length, interval_of
from shoal.evidence.estimates.interval import Estimate


def elsewhere(
    found: Estimate, days: NDArray[np.intp], images: NDArray[np.int64], predicted: NDArray[np.int64]
) -> Interval | None:
    """Find the interval of a corrected mean from blocks of days; None with too few of either or of positives.

    Each day's corrected sum is what the line says of its images and what its labelled ones say beside:
    `a * n_d + b * f_d + sum(w e)`. Images are drawn each on its own, so the chance of drawing is part of how much these sums
    differ, and nothing has to be added for it. It would hide how alike neighbouring days are: the length of blocks is the longer
    one of what the corrected sums ask for, and what the model's counts do, which have none of it. Where there is an exact
    interval of disagreements instead of a line, days are the model's counts, and the chance of drawing is added: the squares of
    both.

    Args:
        found: The corrected mean.
        days: Of each labelled image, the place of its day; -1 where it is undated.
        images: Images of each day, in the order of days; none is empty.
        predicted: What the model predicts on each of them.
    """
    if found.mean is None or found.low is None or found.high is None or (predicted > 0).sum() < FEWEST_DAYS:
        return None
    line = found.corrected
    if line is None:
        return (
            _with_chance(interval_of(images.tolist(), predicted.tolist()), found)
            if found.how == "disagreements"
            else None
        )
    sums = line.intercept * images + line.slope * predicted
    rests = sums - sums.sum() / images.sum() * images
    dated = days >= 0
    sums = sums + np.bincount(days[dated], (line.weights * line.residuals)[dated], minlength=len(images))
    between = interval_of(images.tolist(), sums.tolist(), at_least=block_length(rests.tolist()))
    if between is None:
        return None
    # What is said of other days is never said closer than of these.
    reach = _reach(between)
    return _around(between, found.mean, max(reach, found.mean - found.low), max(reach, found.high - found.mean))


def _with_chance(between: Interval | None, found: Estimate) -> Interval | None:
    if between is None or found.mean is None or found.low is None or found.high is None:
        return None
    below, above = (sqrt(_reach(between) ** 2 + end**2) for end in (found.mean - found.low, found.high - found.mean))
    return _around(between, found.mean, below, above)


def _reach(between: Interval) -> float:
    return (between.high - between.low) / 2


def _around(between: Interval, mean: float, below: float, above: float) -> Interval:
    return Interval(max(mean - below, 0.0), mean + above, between.days, between.block_days)
