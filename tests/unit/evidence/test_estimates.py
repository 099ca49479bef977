"""Counts corrected by people's labels: the formulas against R, and which interval stands where."""

import json
from math import log
from pathlib import Path

import numpy as np
import pytest

from shoal.evidence.estimates.cells import estimate_cells
from shoal.evidence.estimates.difference import correct
from shoal.evidence.estimates.frame_days import FrameDays
from shoal.evidence.estimates.gamma_interval import gamma_quantile, weighted_sum_interval
from shoal.evidence.estimates.interval import estimate
from shoal.evidence.estimates.taxa import estimate_taxa
from shoal.evidence.evaluation.measures import Sums, measure
from shoal.evidence.sampled import SampledImages

FIGURES = json.loads((Path(__file__).parents[2] / "fixtures/survey/figures.json").read_text(encoding="utf-8"))
IMAGES = 20_000


@pytest.mark.parametrize(("slope", "name"), [(1.0, "difference_hajek_mean"), (0.0, "labels_only_mean")])
def test_mean_and_design_variance_are_those_of_r_survey(slope, name):
    labelled, predicted, probability = (np.array(FIGURES[key]) for key in ("labelled", "predicted", "probability"))
    found = correct(labelled, predicted, probability, FIGURES["images"], FIGURES["all_predicted"], slope=slope)
    mean, variance = FIGURES[name]
    plain = (1 - probability) @ (found.weights * found.residuals) ** 2 / FIGURES["images"] ** 2
    assert [found.mean, plain] == pytest.approx([mean, variance], rel=1e-9)
    assert 1 < found.variance / plain < 1.1  # each residual is widened for its own pull on the mean


def test_the_scaled_weights_are_worth_their_while_where_the_mean_error_is_not_zero():
    total, variance = FIGURES["difference_ht"]
    mean, scaled = FIGURES["difference_hajek_mean"]
    assert scaled * FIGURES["images"] ** 2 < variance
    assert mean * FIGURES["images"] == pytest.approx(total, rel=0.01)


def test_a_slope_found_on_the_labels_is_the_regression_of_r_survey():
    labelled, predicted = (np.array(FIGURES[key]) for key in ("labelled", "predicted"))
    probability = np.full(len(labelled), FIGURES["equal_probability"])
    found = correct(labelled, predicted, probability, FIGURES["images"], FIGURES["all_predicted"])
    assert found.mean * FIGURES["images"] == pytest.approx(FIGURES["regression_total"], rel=1e-9)


def test_exact_intervals_are_those_of_tables():
    assert gamma_quantile(0.975, 1.0) == pytest.approx(-log(0.025))
    assert weighted_sum_interval(0, 0, 3.0) == pytest.approx((0, -3 * log(0.025)))
    assert weighted_sum_interval(10, 10, 1.0) == pytest.approx((4.7954, 18.3904), abs=1e-4)  # Garwood 1936
    assert weighted_sum_interval(100, 100, 1.0) == pytest.approx((81.36399, 121.62679), abs=1e-4)  # qgamma of R


def drawn(share, *, recall, made_up=0.0, size=1, seed=0, labels=300):
    """Draw images with equal probability; give what people saw in them, what the model did, and what it did in all."""
    random = np.random.default_rng(seed)
    truth = (random.random(IMAGES) < share) * size
    predicted = random.binomial(truth, recall) + random.poisson(made_up, IMAGES)
    which = random.random(IMAGES) < labels / IMAGES
    return truth, truth[which].astype(float), predicted[which].astype(float), float(predicted.sum()), int(which.sum())


@pytest.mark.parametrize(
    ("share", "model", "bounded", "how"),
    [
        pytest.param(0.4, {"recall": 0.6, "made_up": 0.1}, False, "regression", id="labels enough"),
        pytest.param(0.4, {"recall": 1.0}, False, "disagreements", id="a perfect model has an interval with a width"),
        pytest.param(0.005, {"recall": 0.9}, False, "none", id="a total of too few positives is not estimable"),
        pytest.param(0.4, {"recall": 0.6, "size": 1}, True, "regression", id="a share of images, likewise"),
        pytest.param(0.005, {"recall": 0.9}, True, "positives", id="a share of few positives has an exact bound"),
        pytest.param(0.05, {"recall": 0.0, "made_up": 0.03}, True, "positives", id="a model worth nothing is left out"),
    ],
)
def test_each_case_has_its_interval(share, model, bounded, how):
    truth, labelled, predicted, all_predicted, labels = drawn(share, **model)
    found = estimate(labelled, predicted, np.full(labels, 300 / IMAGES), IMAGES, all_predicted, bounded=bounded)
    assert found.how == how
    if how == "none":
        assert (found.mean, found.low, found.high) == (None, None, None)
        assert found.labels_to_halve == -(-labels * 10 // found.positives)
    else:
        assert found.low < truth.mean() < found.high
        assert labels < found.labels_to_halve <= IMAGES


@pytest.mark.parametrize("bounded", [False, True], ids=["total", "share"])
def test_nothing_seen_in_any_label_bounds_the_share_of_images_and_says_nothing_of_a_total(bounded):
    labels = 200
    found = estimate(np.zeros(labels), np.zeros(labels), np.full(labels, 0.01), IMAGES, 0.0, bounded=bounded)
    assert (found.low, found.high) == ((0, pytest.approx(-log(0.025) / labels)) if bounded else (None, None))


def test_the_interval_holds_the_truth_as_often_as_it_says_and_a_useless_model_costs_next_to_nothing():
    covered, widths = 0, []
    for seed in range(300):
        truth, labelled, predicted, all_predicted, labels = drawn(0.4, recall=0.7, made_up=0.2, size=2, seed=seed)
        probability = np.full(labels, 300 / IMAGES)
        found = estimate(labelled, predicted, probability, IMAGES, all_predicted, bounded=False)
        covered += found.low <= truth.mean() <= found.high
        useless = estimate(labelled, np.roll(predicted, 1), probability, IMAGES, all_predicted, bounded=False)
        alone = estimate(labelled, np.zeros(labels), probability, IMAGES, 0.0, bounded=False)
        widths.append([one.high - one.low for one in (found, useless, alone)])
    model, useless, alone = np.median(np.array(widths) ** 2, axis=0)
    assert 0.93 <= covered / 300 <= 0.98
    assert model < 0.6 * alone
    assert useless < 1.05 * alone


@pytest.mark.parametrize("probability", [0.05, 0.063, 0.07], ids=str)
@pytest.mark.parametrize("drawn_for_certain", [1.0, 0.9], ids=["for certain", "nearly"])
def test_images_that_were_drawn_for_certain_license_no_interval(probability, drawn_for_certain):
    # The model sees fish in 60 images of 5,000, all labelled, and errs in 45; of the others 311 were drawn, and are empty.
    predicted = np.r_[np.tile(np.arange(1.0, 6.0), 12), np.zeros(311)]
    labelled = predicted + np.r_[np.tile([1.0, 2.0, 1.0], 15), np.zeros(326)]
    of_each = np.r_[np.full(60, drawn_for_certain), np.full(311, probability)]
    found = estimate(labelled, predicted, of_each, 5000, predicted.sum(), bounded=False)
    assert found.how == "disagreements"
    assert found.high - found.mean > 3 * labelled[:60].mean() / 311, "nearly as much as 311 empty images leave open"


def test_a_line_on_which_all_labels_lie_has_no_normal_interval():
    predicted = np.r_[np.ones(40), np.zeros(260)]
    found = estimate(2 * predicted, predicted, np.full(300, 0.015), IMAGES, 2700.0, bounded=False)
    assert (found.how, found.high > 1.05 * found.mean) == ("disagreements", True)


def test_a_rare_taxon_of_a_sample_by_error_is_held_as_often_as_it_says():
    random, held, recalls = np.random.default_rng(2), [], []
    for _ in range(150):
        truth = np.where(random.random(5000) < 0.03, 1 + random.poisson(3, 5000), 0)
        predicted = np.where(random.random(5000) < 0.15, 0, random.binomial(truth, 0.85)) + (random.random(5000) < 0.01)
        # What the model sees is drawn nearly for certain, what it does not by the pilot alone.
        probability = np.where(predicted > 0, 0.95, 0.06)
        which = random.random(5000) < probability
        for cap in (1, 99):
            people, model = np.minimum(truth, cap), np.minimum(predicted, cap)
            found = estimate(
                people[which] * 1.0,
                model[which] * 1.0,
                probability[which],
                5000,
                model.sum() * 1.0,
                bounded=cap == 1,
                halving=False,
            )
            held.append(found.low <= people.mean() <= found.high)
            right = np.minimum(people, model)
            recall = measure("recall", Sums.of(people[which], model[which], right[which], 1 / probability[which]))
            recalls.append(recall.low <= right.sum() / people.sum() <= recall.high)
    assert np.mean(held) >= 0.93
    assert np.mean(recalls) >= 0.93


def sampled_year(days=120, cameras=("east", "west"), every=4, seed=5):
    """Make a year: two cameras, an image each hour, days that are alike; the model misses a third."""
    random = np.random.default_rng(seed)
    camera = np.repeat(np.array(cameras), days * 24)
    start = np.datetime64("2026-01-01T00:30")
    at = np.tile(start + np.arange(days * 24) * np.timedelta64(1, "h"), len(cameras))
    level = np.repeat(np.exp(random.normal(size=days) * 0.4), 24)
    truth = random.poisson(np.tile(level, len(cameras)))
    predicted = random.binomial(truth, 0.67)
    which = np.arange(len(truth)) % every == random.integers(every, size=len(truth))
    sampled = SampledImages(
        np.full(which.sum(), 1 / every),
        camera[which],
        at[which].astype("datetime64[us]"),
        {"fish": predicted[which], "ray": np.zeros(which.sum(), int)},
        {"fish": truth[which], "ray": np.zeros(which.sum(), int)},
    )
    by_day = {"fish": predicted.reshape(-1, 24)}
    frame = FrameDays(
        camera[::24],
        at[::24].astype("datetime64[D]"),
        np.full(len(truth) // 24, 24),
        {"fish": by_day["fish"].sum(axis=1), "ray": np.zeros(len(truth) // 24, int)},
        {"fish": (by_day["fish"] > 0).sum(axis=1), "ray": np.zeros(len(truth) // 24, int)},
    )
    return truth, camera, at, sampled, frame


def test_raw_and_corrected_stand_side_by_side_with_the_bias_and_two_intervals():
    truth, _, _, sampled, frame = sampled_year()
    fish, ray = (one.to_json() for one in estimate_taxa(sampled, frame))
    total = fish["total"]
    assert total["raw"] == frame.predicted["fish"].sum() < total["low"] < truth.sum() < total["high"]
    assert total["bias"]["low"] < total["raw"] - truth.sum() < total["bias"]["high"] < 0
    place = total["elsewhere"]
    assert place["high"] - place["low"] > 2 * (total["per_image_high"] - total["per_image_low"])
    assert (ray["total"]["how"], ray["total"]["elsewhere"], ray["share"]["how"]) == ("none", None, "positives")
    assert 0 == ray["share"]["low"] < ray["share"]["high"] < 0.01 * fish["images"]


def test_a_few_days_have_no_interval_for_the_place():
    *_, sampled, frame = sampled_year(days=15)
    assert estimate_taxa(sampled, frame)[0].elsewhere == {"total": None, "share": None}


@pytest.mark.parametrize(
    ("seed", "months"),
    [
        pytest.param(2, [("2026-01",), ("2026-02", "2026-03"), ("2026-04",)], id="with the next one"),
        pytest.param(4, [("2026-01",), ("2026-02", "2026-03", "2026-04")], id="the last one with that before"),
    ],
)
def test_months_with_few_labels_are_put_together_and_a_camera_with_too_few_is_empty(seed, months):
    truth, camera, at, sampled, frame = sampled_year(every=20, seed=seed)
    thinned = sampled.only((sampled.camera == "east") | (np.arange(len(sampled.camera)) % 6 == 0))
    cells = estimate_cells(thinned, frame, ("camera", "month"), estimate_taxa(thinned, frame))
    east = [cell for cell in cells if cell.camera == "east"]
    assert [cell.months for cell in east] == months
    assert all(cell.labels >= 30 and cell.taxa for cell in east)
    (west,) = (cell for cell in cells if cell.camera == "west")
    assert (west.labels < 30, west.taxa, len(west.months)) == (True, (), 4)
    assert sum(cell.images for cell in cells) == len(truth)
    month = at.astype("datetime64[M]").astype(str)
    for cell in east:
        inside = (camera == "east") & np.isin(month, cell.months)
        total = cell.taxa[0].to_json()["total"]
        assert total["low"] < truth[inside].sum() < total["high"]
