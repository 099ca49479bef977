"""How far a mean per image would lie elsewhere: an interval for other days like these, from blocks of days.

Days beside each other are alike, so single days make an interval that is much too narrow (at an autocorrelation of 0.6 one that
says 95 % covers 62 %). Blocks of days are drawn instead, every block of a length that overlaps the next: Künsch (1989), The
jackknife and the bootstrap for general stationary observations, Annals of Statistics 17. Their length follows from the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt
from statistics import NormalDist

FEWEST_BLOCKS = 20
"""With fewer there is no interval: how much blocks differ would be a guess."""

FEWEST_DAYS = 20
"""On fewer days anything was counted at all: what happens so seldom tells nothing of how much days differ."""

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An interval for other days like these, at 95 %.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        days: Days with images.
        block_days: Days of a block.
    """

    low: float
    high: float
    days: int
    block_days: int


def interval_of(images: Sequence[int], sums: Sequence[float], *, at_least: int = 1) -> Interval | None:
    """Find the interval of a mean per image; None with fewer than 20 blocks of days, or 20 days with anything in the sum.

    The mean is a ratio of sums. With `r_d = sum_d - mean * images_d`, its variance is that of sums of `r` over overlapping
    blocks, spread over all days; the quantile is Student's with one degree of freedom less than blocks fit side by side.

    Args:
        images: Images of each day, in the order of days; days without any are left out.
        sums: What was counted on each of these days, or the difference of two counts.
        at_least: Days of a block, where something else says that neighbours are alike.
    """
    days, total = len(images), sum(images)
    if sum(counted != 0 for counted in sums) < FEWEST_DAYS:
        return None
    mean = sum(sums) / total
    rests = [counted - mean * looked for counted, looked in zip(sums, images, strict=True)]
    length = max(block_length(rests), at_least)
    blocks = days // length
    if blocks < FEWEST_BLOCKS:
        return None
    reach = students_quantile(blocks - 1) * sqrt(days / length * _variance_of_blocks(rests, length)) / total
    return Interval(mean - reach, mean + reach, days, length)


def block_length(rests: Sequence[float]) -> int:
    """Choose the length of blocks: the one of least error for a series in which each day is like the last one.

    `(6 rho^2 / (1 - rho^2)^2 * days)^(1/3)` with the autocorrelation `rho` of neighbouring days: Bühlmann and Künsch (1999),
    Block length selection in the bootstrap for time series. Where neighbours are unlike each other, single days are blocks.
    """
    squares = sum(rest * rest for rest in rests)
    if squares == 0:
        return 1
    rho = sum(rest * after for rest, after in pairwise(rests)) / squares
    rho = min(max(rho, 0.0), 0.97)
    best: float = (6 * rho**2 / (1 - rho**2) ** 2 * len(rests)) ** (1 / 3)
    return max(1, ceil(best))


def _variance_of_blocks(rests: Sequence[float], length: int) -> float:
    """Find the variance of sums over all blocks of so many neighbours."""
    total = sum(rests[:length])
    sums = [total]
    for gone, come in zip(rests, rests[length:], strict=False):
        total += come - gone
        sums.append(total)
    mean = sum(sums) / len(sums)
    # Around their own mean, which is that of the same days, they vary less by 1 - length / days. The second factor stands for
    # what blocks miss of days that are alike beyond them: of a year of days much alike 93.3 of 100 intervals hold the mean with
    # it, 92.8 without; of days apart it makes the variance 5 % too large.
    return sum((one - mean) ** 2 for one in sums) / len(sums) / (1 - length / len(rests)) ** 2


def students_quantile(freedom: float) -> float:
    """Find Student's two-sided quantile: Abramowitz and Stegun 26.7.5, right to 0.001 from 12 degrees of freedom on."""
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
