"""`evaluate`: two versions whose every box was planted, by labels whose every box is known."""

import json
from hashlib import sha256
from math import log

import numpy as np
import pytest

from pipeline import make_pipeline
from planted_boxes import answer
from shoal.compare.agreement import THRESHOLDS
from shoal.contract.errors import ConfigError
from shoal.evidence.evaluation.measures import FEWEST, Sums, difference, measure
from shoal.evidence.evaluation.scored import Scored, ScoredBox, ScoredTaxon, match, score_taxon
from shoal.evidence.evaluation.thresholds import choose
from shoal.evidence.evaluation.version import judge
from shoal.evidence.permanent import mark_of
from show_command import ask_evaluate, ask_labels, ask_sample

DIPLODUS, CHROMIS = range(2)
HERE, MOVED, THERE = (10, 10, 50, 50), (12, 12, 52, 52), (300, 300, 340, 340)
HOURS = ("02", "08", "10", "12", "14", "23")
NIGHT = {"02", "23"}
DAYS = np.full(FEWEST, np.datetime64("2026-06-01T12:00:00"))
KEYS = [f"C1/202606{day:02d}-{hour}0000-C1.jpg" for day in range(1, 15) for hour in HOURS]


def hour_of(key):
    return key.split("-")[1][:2]


def seen_by(version):
    """The first version is blind by night and makes up fish at low scores; the second one is neither."""
    found = {}
    for place, key in enumerate(KEYS):
        there = place % 2 == 0
        by_night = hour_of(key) in NIGHT
        boxes = [(DIPLODUS, 0.8, MOVED)] if there and not (version == "v1" and by_night) else []
        if version == "v1" and place % 3 == 0:
            boxes.append((DIPLODUS, 0.3, THERE))
        found[key] = boxes
    return found


@pytest.fixture(scope="module")
def judged(store, demo_models, tmp_path_factory):
    """Two versions of one dataset, and labels of most of its images."""
    folder = tmp_path_factory.mktemp("judged")
    pipeline = make_pipeline(store, demo_models, folder)
    for key in KEYS:
        pipeline.put(key, key.encode())
    for version in ("v1", "v2"):
        answer(pipeline, version, seen_by(version))
    with pytest.MonkeyPatch.context() as patch:
        ask_sample(patch, None)(pipeline, str(folder / "out"), "-n", "70")
        coco = json.loads((folder / "out/coco.json").read_text(encoding="utf-8"))
        names = {one["name"]: one["id"] for one in coco["categories"]}
        keys = {mark_of(key, sha256(key.encode()).hexdigest()): key for key in KEYS}
        drawn = [(image["id"], keys[image["file_name"][6:22]]) for image in coco["images"]]
        coco["annotations"] = [
            {
                "id": number,
                "image_id": image,
                "category_id": names["Diplodus vulgaris" if KEYS.index(key) % 2 == 0 else "nothing"],
                "bbox": [HERE[0], HERE[1], HERE[2] - HERE[0], HERE[3] - HERE[1]],
            }
            for number, (image, key) in enumerate(drawn)
        ]
        (folder / "back.json").write_text(json.dumps(coco), encoding="utf-8")
        ask_labels(patch, None)(pipeline, str(folder / "back.json"), "--by", "ana")
    return pipeline, [key for _, key in drawn]


@pytest.fixture
def evaluate(judged, monkeypatch, capsys):
    return lambda *words: ask_evaluate(monkeypatch, capsys)(judged[0], *words)[1]


def test_every_number_of_a_version_is_that_of_the_planted_boxes(judged, evaluate):
    told = json.loads(evaluate("--version", "v1", "--json"))
    (version,) = told["versions"]
    fish = next(one for one in version["taxa"] if one["taxon"] == "Diplodus vulgaris")
    there = [key for key in judged[1] if KEYS.index(key) % 2 == 0]
    found = [key for key in there if hour_of(key) not in NIGHT]
    made_up = [key for key in judged[1] if KEYS.index(key) % 3 == 0]
    individuals = fish["individuals"]
    assert fish["by_place"]
    assert individuals["recall"]["value"] == pytest.approx(len(found) / len(there))
    assert individuals["precision"]["value"] == pytest.approx(len(found) / (len(found) + len(made_up)))
    assert individuals["bias"]["value"] == pytest.approx((len(found) + len(made_up) - len(there)) / len(there))
    for one in individuals.values():
        assert one["low"] < one["value"] < one["high"]
    at = {one["conf"]: one for one in fish["at"]}
    assert (at[0.35]["precision"], at[0.35]["recall"]) == (1, pytest.approx(len(found) / len(there)))
    bins = {one["from"]: one["share_with_it"] for one in fish["calibration"]}
    assert bins[0.8] == pytest.approx(1)
    assert bins[0.3] < 0.5
    assert {one["best"]: 0.3 < one["conf"] <= 0.8 for one in fish["thresholds"] if one["best"] == "f1"} == {"f1": True}
    said = evaluate("--version", "v1", "--best", "f1")
    assert 'taxa:\n  "Diplodus vulgaris":\n    conf: 0.35' in said


def test_the_second_version_is_better_by_night_and_it_says_so(judged, evaluate):
    told = json.loads(evaluate("--version", "v1", "v2", "--json"))
    assert told["labels"] == len(judged[1])
    changes = {(one["taxon"], one["measure"], one["name"]): one["verdict"] for one in told["changes"]}
    for name in ("precision", "recall", "f1"):
        assert changes["Diplodus vulgaris", name, None] == "better"
    assert changes["Chromis chromis", "f1", None] == "too few images differ"
    assert changes["Diplodus vulgaris", "f1", "02"] == "better"
    assert {one["part"] for one in told["changes"]} == {None, "hour"}, "there is one month, and one camera"
    perfect = next(one for one in told["versions"][1]["taxa"] if one["taxon"] == "Diplodus vulgaris")
    assert perfect["individuals"]["bias"] == {"value": 0, "low": None, "high": None, "images": 0}
    assert [one["conf"] for one in perfect["thresholds"]] == perfect["conf"] * 2, "no threshold is better than its own"
    back = json.loads(evaluate("--version", "v2", "v1", "--json"))
    assert {one["verdict"] for one in back["changes"] if one["measure"] == "recall" and one["low"] is not None} == {
        "worse"
    }
    with pytest.raises(ConfigError, match="--version names 3 - name one, or two to compare"):
        evaluate("--version", "v1", "v2", "v3")


def test_a_box_of_the_model_is_right_once_the_surest_first():
    assert match([HERE, MOVED, THERE], [HERE, THERE]) == [True, False, True]
    assert match([THERE], [HERE]) == [False]


def test_a_box_counts_from_exactly_its_score_on_as_in_the_answer():
    for place, conf in enumerate(THRESHOLDS):
        boxes = [[ScoredBox(float(np.float32(conf)), True, None)] for _ in range(FEWEST)]
        taxon = score_taxon(boxes, np.ones(FEWEST, np.int64), [[] for _ in boxes])
        assert taxon.at[0].tolist() == [1] * (place + 1) + [0] * (len(THRESHOLDS) - place - 1), conf
        (told,) = judge(Scored((), np.ones(FEWEST), np.array(["C1"] * FEWEST), DAYS, {"fish": taxon}))[0].calibration
        assert told["from"] == int(conf * 10 + 1e-9) / 10, conf


def sums_of(right, made_up, missed):
    return Sums(np.array([right, made_up, missed], float).T, np.ones(len(right)))


@pytest.mark.parametrize(
    ("right", "interval"),
    [
        pytest.param([1] * 9, False, id="nine images are too few"),
        pytest.param([1] * 60, True, id="sixty of sixty leave some doubt"),
        pytest.param([1, 0] * 30, True, id="half of them"),
    ],
)
def test_a_share_has_an_interval_that_few_labels_can_carry(right, interval):
    images = len(right)
    found = measure("recall", sums_of(right, [0] * images, [1 - one for one in right]))
    assert found.value == sum(right) / images
    assert (found.low is not None) == interval
    if interval:
        assert 0 < found.low < found.value <= found.high <= 1
        # Of half of sixty it is Wilson's of the textbooks, 0.38 to 0.62; of all of them, 0.94 to 1.
        assert found.low == pytest.approx(0.38 if found.value < 1 else 0.94, abs=0.01)


@pytest.mark.parametrize(
    ("name", "low"), [("recall", 60 / (60 - 16 * log(0.025))), ("bias", None), ("f1", None), ("precision", 0.94)]
)
def test_what_images_of_a_large_weight_may_hide_is_in_no_interval_forgotten(name, low):
    # Sixty with the taxon, drawn for certain, and 300 empty ones that stand for 16 each: 59 animals may have been missed.
    right, weights = np.r_[np.ones(60), np.zeros(300)], np.r_[np.ones(60), np.full(300, 16.0)]
    made_up = np.r_[np.tile([1.0, 0.0], 30), np.zeros(300)] if name == "bias" else np.zeros(360)
    found = measure(name, Sums(np.array([right, made_up, np.zeros(360)]).T, weights))
    missed_at_most = -16 * log(0.025)
    worst = (made_up.sum() - missed_at_most) / (60 + missed_at_most) if name == "bias" else 120 / (120 + missed_at_most)
    assert found.low <= (worst if low is None else low + 0.01)
    assert found.low > 0.9 or name != "precision", "of what was not seen nothing is made up"


def test_no_version_is_better_by_images_alone_that_were_drawn_because_it_saw_something_there():
    # The second one misses 12 that the first one saw; what only the second one sees stands for 16 each, and none was drawn.
    ones, twelve = np.ones(60), np.r_[np.ones(12), np.zeros(48)]
    rest = np.zeros(300)
    first = np.array([np.r_[ones, rest], np.zeros(360), np.zeros(360)]).T
    second = np.array([np.r_[ones - twelve, rest], np.zeros(360), np.r_[twelve, rest]]).T
    weights = np.r_[ones, np.full(300, 16.0)]
    unequal, equal = (difference("recall", Sums(first, one), Sums(second, one)) for one in (weights, np.ones(360)))
    assert unequal.value == equal.value == pytest.approx(-0.2)
    assert equal.high < 0 < unequal.high


def test_what_nobody_made_up_in_images_drawn_may_be_in_others():
    """Of 300 images with a taxon in 55: found in none, or in all by one version and in 43 by the other."""
    there = np.r_[np.ones(55), np.zeros(245)]
    nowhere = measure("bias", sums_of(0 * there, 0 * there, there))
    assert (nowhere.value, nowhere.low) == (-1, -1)
    assert nowhere.high > -0.95
    some = there * (np.arange(300) >= 12)
    change = difference("precision", sums_of(there, 0 * there, 0 * there), sums_of(some, 0 * there, there - some))
    assert change.value == 0
    assert change.low < -0.01 < 0.01 < change.high


def test_pairs_tell_more_than_two_intervals_apart():
    random = np.random.default_rng(3)
    there = random.random(400) < 0.5
    first = there & (random.random(400) < 0.80)
    second = first | (there & (random.random(400) < 0.25))
    sums = [sums_of(one, [0] * 400, there & ~one) for one in (first, second)]
    apart = [measure("recall", one) for one in sums]
    by = difference("recall", *sums)
    assert apart[0].high > apart[1].low, "each alone, they could be the same"
    assert 0 < by.low < by.value < by.high


def scored_at_random(random, images):
    """Score images with a taxon a little higher than others."""
    labelled = (random.random(images) < 0.3).astype(int)
    scores = np.clip(random.normal(0.45 + 0.15 * labelled, 0.2), 0.01, 0.99)
    at = (scores[:, None] >= np.array(THRESHOLDS)).astype(int)
    right = at & labelled[:, None]
    return ScoredTaxon(labelled, at[:, 5], right[:, 5], at, right, scores, by_place=False)


def test_a_threshold_does_not_flatter_itself():
    random = np.random.default_rng(1)
    all_images = scored_at_random(random, 100_000)
    true_f1 = {
        conf: 2 * all_images.right_at[:, place].sum() / (all_images.labelled.sum() + all_images.at[:, place].sum())
        for place, conf in enumerate(THRESHOLDS)
    }
    days = np.datetime64("2026-06-01") + np.repeat(np.arange(20), 3)
    flattered, judged_on_others = [], []
    for _ in range(100):
        taxon = scored_at_random(random, 60)
        found = choose(taxon, np.ones(60), days, "f1", 0.25)
        flattered.append(found.flattered - true_f1[found.conf])
        judged_on_others.append(found.f1.value - true_f1[found.conf])
    assert np.mean(flattered) > 0.02
    assert abs(np.mean(judged_on_others)) < np.mean(flattered) / 2
    assert choose(taxon.only(np.arange(21)), np.ones(21), days[:21], "f1", 0.25) is None, "seven days"
