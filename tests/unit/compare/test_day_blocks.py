"""An interval for other days: how often it holds where the truth is known, and when there is none."""

import random
from math import sqrt

import pytest

from shoal.compare.day_blocks import FEWEST_BLOCKS, block_length, interval_of


def played_days(rng, days, phi):
    """Days whose mean is 1 in the long run, each as much like the last one as `phi` says; now and then one with half the images."""
    level, images, sums = rng.gauss(0, 1) / sqrt(1 - phi * phi), [], []
    for _ in range(days):
        level = phi * level + rng.gauss(0, 1)
        images.append(48 if rng.random() < 0.9 else 24)
        sums.append(round(images[-1] * (1 + 0.5 * level)))
    return images, sums


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.6], ids=["days apart", "days alike", "days much alike"])
def test_ninety_five_of_a_hundred_intervals_hold_the_mean_of_the_place(phi):
    rng = random.Random(20261129)
    found = [interval_of(*played_days(rng, 365, phi)) for _ in range(300)]
    held = sum(one.low <= 1 <= one.high for one in found)
    assert 0.91 <= held / len(found) <= 0.98


def test_single_days_would_hold_it_far_too_seldom():
    """What blocks are for: the same days with a block for each."""
    rng, held = random.Random(7), 0
    for _ in range(300):
        images, sums = played_days(rng, 365, 0.6)
        mean = sum(sums) / sum(images)
        rests = [counted - mean * looked for counted, looked in zip(sums, images, strict=True)]
        reach = 1.97 * sqrt(sum(rest * rest for rest in rests)) / sum(images)
        held += mean - reach <= 1 <= mean + reach
    assert held / 300 < 0.75


def test_days_that_are_alike_are_one_block_and_with_few_blocks_there_is_no_interval():
    rng = random.Random(3)
    images, sums = played_days(rng, 100, 0.9)
    assert block_length([counted - looked for counted, looked in zip(sums, images, strict=True)]) > 100 / FEWEST_BLOCKS
    assert interval_of(images, sums) is None
    assert interval_of(*played_days(rng, 19, 0.0)) is None
    assert interval_of([], []) is None


def test_what_hardly_ever_happens_has_no_interval():
    """Of a taxon that neither sees, or on one day in a hundred, days tell nothing."""
    assert interval_of([10] * 300, [0] * 300) is None
    assert interval_of([10] * 300, [int(day % 20 == 0) for day in range(300)]) is None
    assert interval_of([10] * 300, [int(day % 10 == 0) for day in range(300)]) is not None


def test_a_number_that_is_the_same_each_day_has_an_interval_without_width():
    found = interval_of([10] * 30, [5] * 30)
    assert (found.low, found.high, found.days, found.block_days) == (0.5, 0.5, 30, 1)
