"""Whether a published number holds with what a reviewer saw: the estimator of `estimates`, and the difference of two estimates.

The page of a review computes the same in the browser (`exports/review/estimator.js`), and a test compares the two.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any, Literal

import numpy as np

from shoal.evidence.estimates.interval import Estimate, estimate
from shoal.evidence.reached import reached
from shoal.evidence.review.images import ReviewImage
from shoal.evidence.review.published import Published

Verdict = Literal["contradicted", "not contradicted", "not to be told"]

CLOSE = 1e-9
"""Relative: two numbers nearer to each other than this are the same, whichever way they were summed."""


@dataclass(frozen=True)
class Judged:
    """What labels say of the published number.

    Attributes:
        verdict: `contradicted`: the difference of the two has an interval at 95 % that is beside zero. `not contradicted`: it is
            not; what would have been noticed is what lies outside of the reviewer's own interval. `not to be told`: there are too
            few labels for an interval.
        labels: Labels that it is made of.
        passed_over: Images before the last of them without a label, taken for chance.
        no_picture: Images before it that had no picture: nobody could label them, and none waits for them.
        unused: Labels that are not used, as too many images before them have none.
        found: The reviewer's own estimate, a mean per image.
        value: It in the unit of the published number; None where there is none.
        low: The lower end of its interval, likewise.
        high: The upper end.
    """

    verdict: Verdict
    labels: int
    passed_over: int
    no_picture: int
    unused: int
    found: Estimate
    value: float | None
    low: float | None
    high: float | None


def judge(
    published: Published,
    images: int,
    drawn: Sequence[ReviewImage],
    said: Mapping[int, int | None],
    undrawn: Collection[int] = (),
) -> Judged:
    """Judge a published number.

    Args:
        published: It.
        images: All images of the frame.
        drawn: Those that were drawn, in the order of labelling.
        said: By their number, individuals that the reviewer saw; None or nothing where he cannot tell, or has not come to it.
        undrawn: Numbers of those without a picture: they are in no order, as those of a sample that nobody can label any more.
    """
    ratios = [one.u / one.probability for one in drawn]
    looked = [one.number not in undrawn and said.get(one.number) is not None for one in drawn]
    order = [place for place, one in enumerate(drawn) if one.number not in undrawn]
    share = reached([(ratios[place], looked[place]) for place in order])
    come = [place for place, ratio in enumerate(ratios) if ratio < share]
    could = sum(ratios[place] < share for place in order)
    used = [place for place in come if looked[place]]
    answered = len(used) / len(come) if come else 1.0
    bounded = published.number == "share"
    labelled = np.array([said[drawn[place].number] for place in used], float)
    predicted = np.array([drawn[place].predicted for place in used], float)
    found = estimate(
        np.minimum(labelled, 1) if bounded else labelled,
        np.minimum(predicted, 1) if bounded else predicted,
        np.array([drawn[place].probability * share * answered for place in used], float),
        images,
        float(published.predicted),
        bounded=bounded,
        halving=False,
    )
    times = float(images) if published.number == "total" else 1.0
    ends = [None if end is None else end * times for end in (found.mean, found.low, found.high)]
    unused = sum(looked) - len(used)
    return Judged(_verdict(published, *ends), len(used), could - len(used), len(come) - could, unused, found, *ends)


def _verdict(published: Published, value: float | None, low: float | None, high: float | None) -> Verdict:
    """Compare two estimates that were drawn independently of each other, by the interval of their difference.

    Put together of the two intervals as Zou and Donner (2008) do; of a number without one its own value is both ends.
    """
    if value is None or low is None or high is None:
        return "not to be told"
    least, most = (published.value if end is None else end for end in (published.low, published.high))
    apart = value - published.value
    below = hypot(value - low, most - published.value)
    above = hypot(high - value, published.value - least)
    slack = CLOSE * max(abs(value), abs(published.value))
    return "contradicted" if apart - below > slack or apart + above < -slack else "not contradicted"


def describe(judged: Judged, published: Published) -> dict[str, Any]:
    """Write what was found as a program reads it."""
    return {
        "verdict": judged.verdict,
        "labels": judged.labels,
        "passed_over": judged.passed_over,
        "no_picture": judged.no_picture,
        "unused": judged.unused,
        "how": judged.found.how,
        "published": published.value,
        "value": judged.value,
        "low": judged.low,
        "high": judged.high,
    }
