"""The laws of drawing: probabilities are what they are said to be, samples grow, and no image is drawn twice."""

import random
from collections import Counter
from statistics import mean, stdev

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.evidence.expected_error import LabelledCell, learn
from shoal.evidence.inclusion import FLOOR, Group, deal, spread, with_probabilities
from shoal.evidence.permanent import mark_of, number_of, sql_number
from shoal.evidence.reached import reached

SIZES = st.lists(st.integers(1, 5000), min_size=1, max_size=8)


@settings(max_examples=40)
@given(SIZES, st.data())
def test_so_many_are_expected_as_are_asked_for_and_none_is_below_the_floor_or_above_one(sizes, data):
    weights = data.draw(st.lists(st.floats(1e-3, 1e3), min_size=len(sizes), max_size=len(sizes)))
    labels = data.draw(st.floats(0.5, sum(sizes)))
    found = spread(sizes, weights, labels)
    assert sum(map(float.__mul__, found, map(float, sizes))) == pytest.approx(labels, rel=1e-9)
    assert min(found) >= FLOOR * labels / sum(sizes) * (1 - 1e-9)
    assert max(found) <= 1
    heavier = sorted(zip(weights, found, strict=True))
    assert [one for _, one in heavier] == sorted(found), "more error expected, never a smaller probability"


@settings(max_examples=40)
@given(st.dictionaries(st.text("abc", max_size=3), st.integers(1, 500), min_size=1), st.integers(1, 3000))
def test_strata_get_alike_what_they_have_images_for(sizes, n):
    dealt = deal(sizes, n, "equal")
    assert sum(dealt.values()) == pytest.approx(min(n, sum(sizes.values())))
    least = min(dealt.values())
    assert all(dealt[one] <= sizes[one] + 1e-9 for one in sizes)
    most = max(dealt.values())
    assert all(dealt[one] == pytest.approx(most) or dealt[one] == sizes[one] for one in sizes), (least, most)


def test_over_many_salts_an_image_is_in_a_sample_as_often_as_its_probability_says_and_in_the_union_as_the_greatest():
    first, second, salts = 0.2, 0.35, 4000
    u = sql_number("SALT", "key", "sha").replace("'SALT'", "salt::VARCHAR")
    drawn = duckdb.sql(
        f"SELECT key, count(*) FILTER (u < {first}), count(*) FILTER (u < {first} OR u < {second}) "
        f"FROM (SELECT key, {u} AS u FROM (SELECT 'k' || range AS key, 'abc' AS sha FROM range(20)), range({salts}) AS s(salt)) GROUP BY 1"
    ).fetchall()
    for share, counts in ((first, [one[1] for one in drawn]), (second, [one[2] for one in drawn])):
        spread_of = (share * (1 - share) / salts) ** 0.5
        assert all(abs(count / salts - share) < 4.5 * spread_of for count in counts)
        assert abs(sum(counts) / salts / len(counts) - share) < 4.5 * spread_of / len(counts) ** 0.5


@settings(max_examples=25)
@given(st.text(max_size=40), st.text("0123456789abcdef", min_size=64, max_size=64), st.floats(0, 1), st.floats(0, 1))
def test_who_is_in_the_smaller_sample_is_in_the_larger_one(key, sha256, one, other):
    u = number_of("salt", key, sha256)
    assert 0 <= u < 1
    assert not u < min(one, other) or u < max(one, other)
    assert (u < one or u < other) == (u < max(one, other)), "so the union has the greatest probability"


@pytest.mark.parametrize("key", ["A/20260601-000000-A.jpg", "ü/\u202e 鱼.jpg", "a\nb"])
def test_python_and_sql_give_an_image_the_same_number(key):
    [(found,)] = duckdb.execute(f"SELECT {sql_number('s 1', '$1', '$2')}", [key, "ab"]).fetchall()
    assert found == number_of("s 1", key, "ab")
    assert mark_of(key, "ab") != mark_of(key, "ac")


@settings(max_examples=50)
@given(st.integers(1, 400), st.floats(0.1, 0.9), st.data())
def test_labels_up_to_a_place_stand_for_a_sample_with_smaller_probabilities(size, share, data):
    ratios = [(place + 0.5) / size for place in range(size)]
    till = data.draw(st.integers(0, size))
    found = reached([(ratio, place < till) for place, ratio in enumerate(ratios)])
    if till == size:
        assert found == 1
    elif till < 0.95 * size:
        assert found == (ratios[till] if till else 0)
    skipped = reached([(ratio, place % 2 == 0) for place, ratio in enumerate(ratios)])
    assert skipped <= (ratios[1] if size > 1 else 1), "where every second one lacks a label, nothing behind is used"


def test_no_image_s_own_label_moves_its_own_probability():
    """What is learnt from one half is used in the other alone, and what a half has of the labels follows from its size."""
    groups = [Group(("A",), half, cell, 500) for half in (0, 1) for cell in ("0", "1")]
    other = [LabelledCell(1, "0", 40, 2.0), LabelledCell(1, "1", 40, 60.0)]
    pilots = [
        learn(["x"], [LabelledCell(0, "0", 40, mine), LabelledCell(0, "1", 40, 9.0), *other], ["0", "1"])
        for mine in (1, 80)
    ]
    first, second = (with_probabilities(groups, 100, "proportional", pilot.errors) for pilot in pilots)
    assert [one for one in first if one.half == 0] == [one for one in second if one.half == 0]
    assert [one for one in first if one.half == 1] != [one for one in second if one.half == 1]
    of_first = {one.cell: one.probability for one in first if one.half == 0}
    assert of_first["1"] > 2 * of_first["0"] > 0


def test_of_few_labels_nothing_is_learnt():
    assert learn(["x"], [LabelledCell(0, "0", 29, 5.0), LabelledCell(1, "0", 100, 5.0)], ["0"]).errors == {}
    assert learn(["x"], [LabelledCell(0, "0", 50, 0.0), LabelledCell(1, "0", 50, 5.0)], ["0"]).errors == {}


def test_weights_stay_unbiased_though_the_second_sample_follows_from_the_labels_of_the_first():
    """The mean over many drawings of the total that the union's weights give is the total."""
    chance = random.Random(7)
    images = [
        (number % 2, "4+" if number % 5 == 0 else "0", chance.random() < (0.6 if number % 5 == 0 else 0.05))
        for number in range(600)
    ]
    total = sum(wrong for *_, wrong in images)
    sizes = Counter((half, cell) for half, cell, _ in images)
    groups = [Group((), half, cell, size) for (half, cell), size in sorted(sizes.items())]
    found = []
    for _ in range(400):
        u = [chance.random() for _ in images]
        pilot = [image for image, one in zip(images, u, strict=True) if one < 0.25]
        seen = Counter((half, cell) for half, cell, _ in pilot)
        squares = Counter((half, cell) for half, cell, wrong in pilot if wrong)
        cells = [
            LabelledCell(*group, images=count, squares=float(squares[group])) for group, count in sorted(seen.items())
        ]
        errors = learn([], cells, ["0", "4+"]).errors
        assert errors
        second = {
            (one.half, one.cell): one.probability for one in with_probabilities(groups, 200, "proportional", errors)
        }
        union = [max(0.25, second[half, cell]) for half, cell, _ in images]
        found.append(sum(wrong / p for (*_, wrong), one, p in zip(images, u, union, strict=True) if one < p))
    assert abs(mean(found) - total) < 4 * stdev(found) / len(found) ** 0.5
    assert stdev(found) < 0.2 * total
