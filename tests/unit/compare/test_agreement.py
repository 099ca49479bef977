"""Two versions on the same images: what is kept, lost and gained, where the truth was planted."""

import re
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planted_boxes import answer
from shoal.answers.find import find_run
from shoal.answers.opened import OpenedDataset
from shoal.answers.where import Where
from shoal.compare.choose import choose_runs
from shoal.compare.comparison import read_comparison
from shoal.compare.two_runs import _at_thresholds, compare_runs, match_boxes
from shoal.contract.errors import ConfigError
from shoal.exports.report.comparison import write_page
from shoal.tables.session import open_database
from written_tasks import box, rectangle, seen_as, stored_plan, turned, turned_row

DIPLODUS, CHROMIS, CORIS, SARPA = range(4)
HERE, MOVED, THERE = (10, 10, 50, 50), (12, 12, 52, 52), (300, 300, 340, 340)


def day_key(day, camera="C1"):
    return f"{camera}/202606{day:02d}-120000-{camera}.jpg"


FIRST = {
    day_key(1): [(DIPLODUS, 0.9, HERE), (DIPLODUS, 0.5, THERE)],
    day_key(2): [(CHROMIS, 0.8, HERE)],
    day_key(3): [(DIPLODUS, 0.7, HERE)],
}
SECOND = {
    day_key(1): [(DIPLODUS, 0.8, MOVED), (SARPA, 0.9, THERE)],
    day_key(2): [(CORIS, 0.8, HERE), (CHROMIS, 0.3, THERE)],
    day_key(3): [(DIPLODUS, 0.2, HERE)],
}


@pytest.fixture(scope="module")
def compared(store, demo_models, tmp_path_factory):
    """Two versions of one dataset, with planted boxes, and the runs that hold them."""
    from pipeline import make_pipeline

    pipeline = make_pipeline(store, demo_models, tmp_path_factory.mktemp("compared"))
    for day in (1, 2, 3):
        pipeline.put(day_key(day), str(day).encode())
    answer(pipeline, "v1", FIRST)
    pipeline.put(day_key(4), b"only the second one has it")
    answer(pipeline, "v2", SECOND)
    return pipeline


def compare(pipeline, *words, where=()):
    results, layout = pipeline.stores.results, pipeline.stores.layout
    with open_database(results) as database:
        return compare_runs(database, *choose_runs(results, layout, words), Where.parse(where))


def test_boxes_are_kept_lost_and_gained_by_taxon(compared):
    found = compare(compared, "v1", "v2")
    assert (found.images, found.days, found.first.images, found.second.images) == (3, 3, 3, 4)
    assert (found.first.beside, found.second.beside) == (0, 1)
    told = {one.taxon: (one.first, one.second, one.kept, one.lost, one.gained) for one in found.taxa}
    assert told == {
        "Diplodus vulgaris": (3, 1, 1, 2, 0),
        "Chromis chromis": (1, 1, 0, 1, 1),
        "Coris julis": (0, 1, 0, 0, 1),
    }
    assert (found.only_first, found.only_second) == ((), ("Sarpa salpa",))
    coris = next(one for one in found.taxa if one.taxon == "Coris julis")
    assert (coris.difference, coris.ratio, coris.mean_difference) == (1, None, pytest.approx(1 / 3))
    assert {one.elsewhere for one in found.taxa} == {None}, "three days are no blocks"


def test_an_opened_dataset_compares_as_the_command_does(compared):
    results, layout = compared.stores.results, compared.stores.layout
    with OpenedDataset(results, layout, find_run(results, layout), None) as opened:
        images = opened.images()
        assert opened.compare("v1", "v2").to_json() == compare(compared, "v1", "v2").to_json()
        part = "from=2026-06-02,to=2026-06-03"
        assert opened.compare("v1", "v2", part).to_json() == compare(compared, "v1", "v2", where=[part]).to_json()
        assert len(images.fetchall()) == opened.result["examined"], "relations that were given before are as they were"


def test_every_threshold_counts_what_is_stored_from_there_on(compared):
    found = compare(compared, "v1", "v2")
    diplodus = next(one for one in found.taxa if one.taxon == "Diplodus vulgaris")
    at = {conf: (first, second) for conf, first, second in diplodus.at}
    assert (at[0.05], at[0.2], at[0.25], at[0.55], at[0.85]) == ((3, 2), (3, 2), (3, 1), (2, 1), (1, 0))


def test_months_are_told_of_taxa_that_both_know_alone(compared):
    months = compare(compared, "v1", "v2").months
    assert {month["taxon"] for month in months} == {"Diplodus vulgaris", "Chromis chromis", "Coris julis"}
    assert next(month for month in months if month["taxon"] == "Coris julis") == {
        "month": "2026-06", "images": 3, "taxon": "Coris julis", "first": 0, "second": 1,
    }  # fmt: skip


def test_a_trial_with_a_conf_of_its_own_is_no_version_s(compared):
    before = compare(compared, "v1", "v2")
    compared.summarize(compared.plan(model_version="v2", conf=0.85))
    assert compare(compared, "v1", "v2").to_json() == before.to_json()


def test_images_that_differ_most_come_first_and_those_that_agree_not_at_all(compared):
    found = compare(compared, "v1", "v2")
    assert [(image.key, image.lost, image.gained) for image in found.differing] == [
        (day_key(2), 1, 2),
        (day_key(1), 1, 0),
        (day_key(3), 1, 0),
    ]


def test_turned_round_what_was_lost_is_gained(compared):
    there, back = compare(compared, "v1", "v2"), compare(compared, "v2", "v1")
    for one, other in zip(there.taxa, back.taxa, strict=True):
        assert (one.lost, one.gained, one.difference) == (other.gained, other.lost, -other.difference)
    assert back.only_first == ("Sarpa salpa",)


def test_a_part_is_compared_by_itself(compared):
    found = compare(compared, "v1", "v2", where=["from=2026-06-02,to=2026-06-03,taxon=Chromis chromis"])
    assert (found.images, [one.taxon for one in found.taxa], found.only_second) == (1, ["Chromis chromis"], ())


def test_an_answer_agrees_with_itself_in_every_box(compared):
    run, _ = choose_runs(compared.stores.results, compared.stores.layout, ("v2", "v1"))
    again = compared.summarize(compared.plan(model_version="v2"))
    found = compare(compared, run.run_key, again.stored.run_key)
    assert all(one.lost == one.gained == one.difference == 0 for one in found.taxa)
    assert found.differing == ()


REFUSED = {
    "no such version": (
        ("v1", "v7"),
        r"No complete run of dataset \S+ over all .* version 'v7' - runs were planned of v1, v2; start",
    ),
    "twice the same": (("v1", "v1"), r"v1 and v1 are both run \S+ - name two"),
    "no such run": (
        ("v1", "20200101T000000Z-abcdefgh"),
        r"No run of dataset \S+ begins with '20200101T000000Z-abcdefgh'",
    ),
}


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_compared_is_refused_in_one_line(compared, words, message):
    with pytest.raises(ConfigError, match=message):
        compare(compared, *words)


def test_versions_without_a_common_image_are_refused(compared):
    with pytest.raises(
        ConfigError, match=r"have no image in common that both use - a comparison needs the same objects"
    ):
        compare(compared, "v1", "v2", where=["from=2026-06-04"])


places = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(2, 6), st.integers(2, 6))
boxes = st.lists(places.map(lambda at: (at[0], at[1], at[0] + at[2], at[1] + at[3])), max_size=6)


def overlap(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (areas - width * height)


def matched_by_hand(first, second):
    """Take the pair that overlaps most, and strike out its boxes, as long as one is left."""
    pairs = [(overlap(a, b), -i, -j) for i, a in enumerate(first) for j, b in enumerate(second)]
    found, taken = set(), (set(), set())
    for iou, i, j in sorted(pairs, reverse=True):
        if iou >= 0.5 and -i not in taken[0] and -j not in taken[1]:
            found.add((-i, -j))
            taken[0].add(-i)
            taken[1].add(-j)
    return found


@pytest.fixture(scope="module")
def database():
    with open_database(None) as opened:
        yield opened


@settings(max_examples=12)
@given(st.lists(st.tuples(boxes, boxes), min_size=4, max_size=8))
def test_boxes_are_paired_as_somebody_would_by_hand(database, images):
    """Several images at once: to make the tables takes most of the time, and none may take another's boxes."""
    for side, name in enumerate(("first", "second")):
        keys = ", ".join(f"('{key}')" for key in range(len(images)))
        database.run(
            f"CREATE OR REPLACE TABLE {name}_images AS SELECT key, 'v' AS object_version, 'used' AS use, 'C' AS camera, "
            f"TIMESTAMP '2026-06-01' AS captured_at FROM (VALUES {keys}) AS images (key)"
        )
        database.run(
            f"CREATE OR REPLACE TABLE {name}_boxes (key VARCHAR, position INTEGER, taxon VARCHAR, class_id INTEGER, confidence FLOAT, x1 FLOAT, y1 FLOAT, "
            "x2 FLOAT, y2 FLOAT, angle FLOAT, corners FLOAT[], is_counted BOOLEAN)"
        )
        drawn = [(key, at, *edges) for key, both in enumerate(images) for at, edges in enumerate(both[side])]
        if drawn:
            rows = ", ".join(
                f"('{key}', {at}, 'fish', 0, 0.5, {x1}, {y1}, {x2}, {y2}, NULL, NULL, true)"
                for key, at, x1, y1, x2, y2 in drawn
            )
            database.run(f"INSERT INTO {name}_boxes VALUES {rows}")
    database.set_variable("report_zone", "UTC")
    database.run_file("turned")
    database.run_file("agreement")
    match_boxes(database)
    pairs = set(database.run("SELECT key::INTEGER, first_position, second_position FROM same_boxes").fetchall())
    assert pairs == {
        (key, *pair) for key, (first, second) in enumerate(images) for pair in matched_by_hand(first, second)
    }


def test_classifiers_keep_an_image_that_both_take_for_the_same_and_are_not_compared_with_boxes(
    store, demo_models, tmp_path
):
    from pipeline import make_pipeline

    pipeline = make_pipeline(store, demo_models, tmp_path)
    first = {day_key(1): [0.9, 0.1, 0.0], day_key(2): [0.6, 0.4, 0.0], day_key(3): [0.2, 0.1, 0.1]}
    second = {day_key(1): [0.8, 0.2, 0.0, 0.0], day_key(2): [0.3, 0.7, 0.0, 0.0], day_key(3): [0.9, 0.1, 0.0, 0.0]}
    seen_as(pipeline, "classify", {key: {"class_scores": scores} for key, scores in first.items()}, model_version="v1")
    seen_as(pipeline, "classify", {key: {"class_scores": scores} for key, scores in second.items()}, model_version="v2")
    found = compare(pipeline, "v1", "v2")
    told = {one.taxon: (one.first, one.second, one.kept) for one in found.taxa}
    assert told == {"Chromis chromis": (0, 1, 0), "Coris julis": (0, 0, 0), "Diplodus vulgaris": (2, 2, 1)}
    at = {one.taxon: {conf: (a, b) for conf, a, b in one.at} for one in found.taxa}
    assert (at["Diplodus vulgaris"][0.2], at["Chromis chromis"][0.2]) == ((3, 2), (0, 1)), (
        "what scores second never counts"
    )
    assert [(image.key, image.lost, image.gained) for image in found.differing] == [
        (day_key(2), 1, 1),
        (day_key(3), 0, 1),
    ]
    plan = pipeline.plan(model_version="v2", conf=0.5)
    stored = replace(
        find_run(pipeline.stores.results, pipeline.stores.layout), plan=read_back(pipeline, plan, "detect")
    )
    with open_database(pipeline.stores.results) as database:
        runs = choose_runs(pipeline.stores.results, pipeline.stores.layout, ("v1", "v2"))
        with pytest.raises(
            ConfigError, match=r"classifies images as a whole, run .* finds boxes: their counts are of different things"
        ):
            compare_runs(database, runs[0], stored)


def read_back(pipeline, plan, task):
    """Give a plan as of a model for a task."""
    return replace(stored_plan(pipeline, plan), task=task)


def drawn_by(pipeline, task, first, second):
    """Let two versions see these images, and give the boxes that are drawn, by key."""
    for version, images in (("v1", first), ("v2", second)):
        seen_as(pipeline, task, images, model_version=version)
    results, layout = pipeline.stores.results, pipeline.stores.layout
    with open_database(results) as database:
        found = read_comparison(database, *choose_runs(results, layout, ("v1", "v2")), {})
    return {one.drawing.key: one.drawing.boxes for one in found.differed}


def test_what_two_classifiers_take_an_image_for_is_drawn_on_it_as_a_whole(empty_bucket):
    drawn = drawn_by(
        empty_bucket,
        "classify",
        {day_key(1): {"class_scores": [0.9, 0.1, 0.0]}},
        {day_key(1): {"class_scores": [0.1, 0.9, 0.0, 0.0]}},
    )
    assert [(one.label, one.whole, one.style) for one in drawn[day_key(1)]] == [
        ("v1: Diplodus vulgaris", True, "lost"),
        ("v2: Chromis chromis", True, "gained"),
    ]
    with open_database(empty_bucket.stores.results) as database:
        runs = choose_runs(empty_bucket.stores.results, empty_bucket.stores.layout, ("v1", "v2"))
        html = unescape(write_page("reef", read_comparison(database, *runs, {}), None))
    told = re.sub(r"<(script|style)[^>]*>.*?</\1>|demo-fish", "", html, flags=re.DOTALL)
    assert "Images classified as it, each at its own threshold." in told
    assert not re.findall(r".{30}\b(?:[Bb]ox|[Bb]oxes|[Dd]etections|fish)\b.{30}", told), (
        "nothing is counted in an image"
    )
    assert '"words":{"mean":"share of images"' in html


@pytest.mark.parametrize("task", ["segment", "obb", "pose"])
def test_pictures_have_the_shapes_of_their_task(empty_bucket, task):
    left, right = (10, 10, 30, 30), (60, 10, 80, 30)

    def row(edges):
        x1, y1, x2, y2 = edges
        at = {"detections": [box(DIPLODUS, 0.9, edges)]}
        return {
            "segment": {**at, "masks": [rectangle(100, 80, *edges)]},
            "pose": {**at, "keypoints": [[x1, y1, 0.5]]},
            "obb": turned_row(turned(DIPLODUS, 0.9, ((x1 + x2) / 2, (y1 + y2) / 2, 20, 10), 0.5)),
        }[task]

    drawn = drawn_by(empty_bucket, task, {day_key(1): row(left)}, {day_key(1): row(right)})
    told = [(one.mask, one.keypoints[:2], one.angle) for one in drawn[day_key(1)]]
    if task == "segment":
        assert told == [(rectangle(100, 80, *edges), (), None) for edges in (left, right)]
    elif task == "pose":
        assert told == [("", edges[:2], None) for edges in (left, right)]
    else:
        assert [(len(one.keypoints), one.angle) for one in drawn[day_key(1)]] == [(12, 0.5), (12, 0.5)]


def test_classes_that_another_version_numbers_otherwise_are_not_merged(database):
    database.run("CREATE OR REPLACE TABLE compared_boxes AS SELECT * FROM (VALUES (1, 'fish', 0, 0.9::FLOAT, true), "
        "(2, 'fish', 1, 0.8::FLOAT, true), (1, 'merged', 2, 0.9::FLOAT, true), (1, 'merged', 3, 0.4::FLOAT, false)) "
        "AS boxes(side, taxon, class_id, confidence, is_counted)")  # fmt: skip
    found = _at_thresholds(database, all_merged=False)
    assert {conf: (a, b) for conf, a, b in found["fish"]}[0.05] == (1, 1)
    assert min(conf for conf, *_ in found["merged"]) == 0.45
    database.run("UPDATE compared_boxes SET confidence = 0.7::FLOAT WHERE class_id = 3")
    assert min(conf for conf, *_ in _at_thresholds(database, all_merged=False)["merged"]) == 0.75, (
        "from 0.7 on it counts"
    )
    database.run("UPDATE compared_boxes SET class_id = 2 WHERE class_id = 3")
    assert min(conf for conf, *_ in _at_thresholds(database, all_merged=False)["merged"]) == 0.05, "one class"
    in_a_row = _at_thresholds(database, all_merged=True)
    assert (min(conf for conf, *_ in in_a_row["merged"]), min(conf for conf, *_ in in_a_row["fish"])) == (0.75, 0.05)


def test_turned_boxes_whose_corners_nobody_knows_go_by_the_upright_ones(database):
    database.run_file("turned")
    told = "alike(spread_of([0, 0, 1, 4, 0, 1, 4, 2, 1, 0, 2, 1]::FLOAT[]), spread_of({}::FLOAT[]))"
    for unknown in ("NULL", "[]", "[0, 0, 1, 4, NULL, 1, 4, 2, 1, 0, 2, 1]"):
        assert database.value("SELECT " + told.format(unknown)) is None
    assert database.value("SELECT " + told.format("[0, 0, NULL, 4, 0, 1, 4, 2, 1, 0, 2, 1]")) == pytest.approx(1)
    box_of = "(SELECT {} AS x1, 0 AS y1, {} AS x2, 10 AS y2)"
    iou = "SELECT round(upright_iou(a, b), 3) FROM {} AS a, {} AS b"
    assert database.value(iou.format(box_of.format(0, 10), box_of.format(5, 15))) == pytest.approx(0.333)
    assert database.value(iou.format(box_of.format(0, 10), box_of.format(20, 30))) == 0
