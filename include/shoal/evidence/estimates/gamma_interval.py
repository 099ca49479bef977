"""Intervals for a weighted sum of few things, exact where all weigh the same: quantiles of the gamma distribution.

A normal interval for three missed fish is too narrow and ends below zero; for none it has no width at all.
"""

from math import exp, fabs, lgamma, log, sqrt
from statistics import NormalDist

_MOST_STEPS = 500
_CLOSE = 1e-10


def weighted_sum_interval(total: float, squares: float, heaviest: float, tail: float = 0.025) -> tuple[float, float]:
    """Find the interval of a sum of weights of things of which each is seen or not, independently.

    Fay and Feuer (1997), Confidence intervals for directly standardized rates: a method based on the gamma distribution,
    Statistics in Medicine 16. Where all weights are the same it is Garwood's exact interval (1936); it is meant to cover at least
    what it says, whatever the weights. Of nothing seen it is `(0, -ln(tail) * heaviest)`.

    Args:
        total: Sum of the weights of what was seen.
        squares: Sum of their squares.
        heaviest: The largest weight that one more thing could have.
        tail: Probability left at either side.
    """
    low = 0.0 if total == 0 else squares / total * gamma_quantile(tail, total**2 / squares)
    above, spread = total + heaviest, squares + heaviest**2
    return low, spread / above * gamma_quantile(1 - tail, above**2 / spread)


def gamma_quantile(probability: float, shape: float) -> float:
    """Find where a gamma distribution of scale 1 has so much below: Newton's steps, kept between bounds that close in.

    The start is Wilson and Hilferty's (1931).
    """
    z = NormalDist().inv_cdf(probability)
    at = shape * max(1 - 1 / (9 * shape) + z / (3 * sqrt(shape)), 0.02) ** 3
    low, high = 0.0, float("inf")
    for _ in range(_MOST_STEPS):
        over = gamma_below(at, shape) - probability
        if over > 0:
            high = at
        else:
            low = at
        density = exp((shape - 1) * log(at) - at - lgamma(shape))
        following = at - over / density if density > 0 else at
        if not low < following < high:
            following = (low + high) / 2 if high < float("inf") else 2 * at
        if fabs(following - at) <= _CLOSE * at:
            return following
        at = following
    return at


def gamma_below(at: float, shape: float) -> float:
    """Find how much of a gamma distribution lies below: its series, or beyond the middle the continued fraction of the rest.

    Abramowitz and Stegun 6.5.29 and 6.5.31, the latter by Lentz's algorithm.
    """
    front = exp(shape * log(at) - at - lgamma(shape))
    if at < shape + 1:
        term = found = 1 / shape
        for step in range(1, _MOST_STEPS):
            term *= at / (shape + step)
            found += term
            if term < found * _CLOSE:
                break
        return front * found
    b = at + 1 - shape
    c, d = 1e300, 1 / b
    found = d
    for step in range(1, _MOST_STEPS):
        a = -step * (step - shape)
        b += 2
        d = 1 / (a * d + b)
        c = b + a / c
        found *= c * d
        if fabs(c * d - 1) < _CLOSE:
            break
    return 1 - front * found
