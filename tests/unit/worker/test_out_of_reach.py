"""When the store is taken for down: not for one folder that it cannot read, however many of its images are on their way."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal_worker.loop.intake import Intake
from shoal_worker.loop.out_of_reach import ELSEWHERE, IN_A_ROW, OutOfReach
from shoal_worker.rows.parts import ListedImage

IN_FLIGHT = 9


def intake_of(count, chance=lambda: 0.5):
    return Intake([ListedImage(f"{number:05}", "", 1) for number in range(count)], 60, chance)


def take_all(intake):
    return list(iter(intake.take, None))


@given(st.integers(0, 300), st.integers(1, 60), st.randoms(use_true_random=False))
def test_a_sample_is_spread_over_all_and_ends_with_the_last(left, count, chance):
    intake = intake_of(left, chance.random)
    sample = intake.spread(count)
    places = [int(image.key) for image in sample]
    assert len(set(places)) == len(places) == min(left, count)
    assert places[-1:] == list(range(left))[-1:]
    gaps = [after - before for before, after in zip([-1, *places], places, strict=False)]
    assert max(gaps, default=0) <= 2 * left / count + 2
    handed_out = take_all(intake)
    assert handed_out[: len(sample)] == sample
    assert len(handed_out) == len(set(handed_out)) == left


def test_another_attempt_takes_another_sample():
    first, again = (intake_of(1000, Random(seed).random).spread(ELSEWHERE) for seed in (0, 1))
    assert set(first) & set(again) == {first[-1]}


@pytest.mark.parametrize(
    ("reachable", "tried_at_most"),
    [
        pytest.param(set(), IN_A_ROW + IN_FLIGHT + ELSEWHERE, id="nothing: the store is down"),
        pytest.param({"00999"}, None, id="only the last one"),
        pytest.param({f"{number:05}" for number in range(800, 900)}, None, id="a tenth, before the end"),
    ],
)
def test_images_from_all_over_the_shard_say_whether_the_store_is_down(reachable, tried_at_most):
    intake = intake_of(1000)
    judge, on_their_way, tried = OutOfReach(intake), [], 0
    while True:
        while len(on_their_way) < IN_FLIGHT and (image := intake.take()) is not None:
            on_their_way.append(image)
        if judge.is_everything or not on_their_way:
            break
        image, tried = on_their_way.pop(0), tried + 1
        if image.key in reachable:
            break  # read: the worker goes on, and knows that its login is good
        judge.add(image)
        judge.look_elsewhere()
    assert judge.is_everything == (not reachable)
    assert tried_at_most is None or tried <= tried_at_most


def test_what_was_read_begins_a_new_count():
    intake = intake_of(1000)
    judge = OutOfReach(intake)
    for number in range(5 * IN_A_ROW):
        asks = judge.add(intake.take())
        assert asks == (number % IN_A_ROW == IN_A_ROW - 1)
        if asks:
            judge.reached()
        judge.look_elsewhere()
    assert not judge.is_everything


def test_the_more_reads_at_once_the_more_have_to_fail():
    """A store that is started anew fails all that are under way at once: that is one trouble, not thirty."""
    judge = OutOfReach(intake := intake_of(1000), lambda: 32)
    for number in range(32 * 7):
        assert not judge.is_everything, (
            f"after {number}: seven rounds of four ended a shard, one of thirty-two ended it too"
        )
        judge.add(intake.take())
        judge.look_elsewhere()
    assert judge.is_everything
