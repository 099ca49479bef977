"""What the answer makes of models that do more than boxes, on rows and right values written by hand."""

import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dataset_settings import dataset_settings
from shoal.cli.summarize import _species
from shoal.contract.errors import ContractError
from shoal.contract.rows import ROW_COLUMNS, ddl
from shoal.contract.tasks import TASKS
from shoal.contract.tasks.classify import CLASSIFY
from shoal.evidence.evaluation.read_scored import _lowest
from shoal.models.choice import Shelf
from shoal.preflight.steps import check_model
from shoal.results.plan_parts import StoredThen
from shoal.results.stored_plan import StoredPlan
from shoal.results.thresholds import confs_of
from shoal.settings.dataset import Dataset
from shoal.settings.run_form import RunParams
from shoal.summary import summarize
from shoal.summary.of_task import need_columns
from shoal.summary.taxa import fill_classes, fill_then_classes
from shoal.tables.session import open_database, read_sql
from written_tasks import box, plan_of, rectangle, seen_as, shot, stored_plan, turned, turned_row, write_given

DIPLODUS, CHROMIS, CORIS = 0, 1, 2


def scores(*of_classes, **more):
    return {"class_scores": list(of_classes), **more}


def table(pipeline, done, name, columns="*"):
    """Read the lines of a table of the answer."""
    with open_database(pipeline.stores.results) as database:
        keys = [file.key for file in done.stored.tables if file.table == name]
        if not keys:
            return []
        uris = [database.uri(key) for key in keys]
        order = "key" if name == "images" else "key, position"
        return database.records(f"SELECT {columns} FROM read_parquet(?) ORDER BY {order}", [uris])


def counted(done):
    return {one["taxon"]: one["detections"] for one in done.summary["result"]["species"]}


@pytest.mark.parametrize(
    ("said", "taxa", "expected"),
    [
        pytest.param((0.2, 0.7, 0.1), {}, "Chromis chromis", id="the best one"),
        pytest.param((0.24, 0.52, 0.24), {"Chromis chromis": {"conf": 0.6}}, None, id="the best one is too unsure: not the second, either"),
        pytest.param((0.4, 0.4, 0.2), {}, "Diplodus vulgaris", id="alike: the first class"),
        pytest.param((0.3, 0.3, 0.4), {"Diplodus vulgaris": {"merge_into": "Chromis chromis"}}, "Chromis chromis", id="merged: shares are added, 0.6"),
        pytest.param(
            (0.3, 0.3, 0.4), {"Diplodus vulgaris": {"merge_into": "Chromis chromis"}, "Chromis chromis": {"conf": 0.65}},
            "Chromis chromis", id="merged: the threshold is that of the best member, of two alike the first",
        ),
        pytest.param(
            (0.2, 0.4, 0.4), {"Diplodus vulgaris": {"merge_into": "Chromis chromis"}, "Chromis chromis": {"conf": 0.65}},
            None, id="merged: 0.6 is under the best member's 0.65, and the second does not count in its place",
        ),
        pytest.param((0.3, 0.8, 0.9), {"Diplodus vulgaris": {"merge_into": "Chromis chromis"}}, "Coris julis", id="no shares of one whole: not added"),
        pytest.param((0.3, 0.1, 0.6), {"Coris julis": {"role": "ignore"}}, None, id="an ignored class is the best: the image shows nothing that counts"),
        pytest.param((0.3, None, 0.1), {}, "Diplodus vulgaris", id="what the model could not compute is no claim"),
        pytest.param((None, None, None), {}, None, id="nor are all"),
        pytest.param((0.6, 0.1, 0.3), {"Coris julis": {"role": "ignore"}}, "Diplodus vulgaris", id="an ignored class is second"),
    ],
)  # fmt: skip
def test_a_classifier_s_image_counts_once_as_its_best_class(said, taxa, expected):
    dataset = Dataset.model_validate({"name": "reef", **dataset_settings("reef", "test", taxa=taxa)})
    with open_database(None) as database:
        database.run(
            "CREATE TABLE accounted AS SELECT 'a.jpg' AS key, 'v' AS object_version, ?::FLOAT[] AS class_scores, 'processed' AS fate, "
            "'processed' AS status", [list(said)],
        )  # fmt: skip
        fill_classes(database, ["Diplodus vulgaris", "Chromis chromis", "Coris julis"], dataset, None)
        database.set_variable("stored_conf", 0.05)
        for name in CLASSIFY.sql:
            database.run_file(name)
        found = database.run("SELECT taxon FROM detections WHERE role = 'count'").fetchall()
    assert found == ([(expected,)] if expected else [])


def test_a_classifier_s_counts_are_images_over_effort(empty_bucket):
    images = {
        shot(1, 8): scores(0.1, 0.9, 0.0),
        shot(1, 9): scores(0.1, 0.8, 0.1),
        shot(1, 10): scores(0.5, 0.3, 0.2),
        shot(1, 11): scores(0.24, 0.24, 0.24),
        shot(1, 12): scores(None, None, None),
        shot(2): {"status": "failed", "reason": "truncated", "width": None, "height": None},
    }
    pipeline, (_, done) = empty_bucket, seen_as(empty_bucket, "classify", images)
    found = {one["taxon"]: one for one in done.summary["result"]["species"]}
    chromis = found["Chromis chromis"]
    assert (chromis["images"], chromis["images_with"], chromis["detections"], chromis["maxn"]) == (5, 2, 2, 1)
    assert (chromis["share_with"], chromis["mean_per_image"], chromis["mean_confidence"]) == (0.4, 0.4, 0.85)
    assert (found["Diplodus vulgaris"]["detections"], found["Coris julis"]["detections"]) == (1, 0)
    assert (done.summary["result"]["task"], done.summary["result"]["unscored_images"]) == ("classify", 1)
    lines = table(
        pipeline, done, "images", "key, class_id, class_name, round(class_score::DOUBLE, 4) AS score, detections"
    )
    assert [(line["class_id"], line["class_name"], line["score"], line["detections"]) for line in lines] == [
        (CHROMIS, "Chromis chromis", 0.9, 1), (CHROMIS, "Chromis chromis", 0.8, 1), (DIPLODUS, "Diplodus vulgaris", 0.5, 1),
        (DIPLODUS, "Diplodus vulgaris", 0.24, 0), (None, None, None, 0), (None, None, None, 0),
    ]  # fmt: skip
    boxes = table(pipeline, done, "detections", "key, position, x1, y1, x2, y2, area_px, mask, keypoints, angle")
    assert all(value is None for line in boxes for name, value in line.items() if name not in {"key", "position"})
    below = table(pipeline, done, "below", "key, position, taxon, round(confidence::DOUBLE, 2) AS confidence")
    assert [(line["position"], line["taxon"], line["confidence"]) for line in below if line["key"] == shot(1, 10)] == [
        (1, "Chromis chromis", 0.3), (2, "Coris julis", 0.2),
    ]  # fmt: skip
    assert [line["position"] for line in below if line["key"] == shot(1, 11)] == [0, 1, 2]


def test_other_thresholds_of_a_classifier_count_what_scores_best_only(empty_bucket):
    images = {shot(1, 8): scores(0.6, 0.4, 0.0), shot(1, 9): scores(0.2, 0.2, 0.2), shot(1, 10): scores(0.08, 0.1, 0.0)}
    _, done = seen_as(empty_bucket, "classify", images)
    explore = done_explore(empty_bucket, done)
    at = {one["taxon"]: {each["conf"]: each["detections"] for each in one["at"]} for one in explore["taxa"]}
    assert (at["Diplodus vulgaris"][0.1], at["Diplodus vulgaris"][0.2], at["Diplodus vulgaris"][0.25]) == (2, 2, 1)
    assert (at["Chromis chromis"][0.1], at["Chromis chromis"][0.2], at["Chromis chromis"][0.4]) == (1, 0, 0)
    drawn = {
        (box["taxon"], box["confidence"])
        for one in explore["taxa"]
        for picture in one["pictures"]
        for box in picture["boxes"]
    }
    assert ("Chromis chromis", 0.4) not in drawn, "what scores second is no doubt of a threshold"
    assert ("Diplodus vulgaris", 0.6) in drawn


def test_a_person_at_a_score_that_a_detector_would_store_keeps_an_image_from_being_shown(empty_bucket):
    taxa = {"Coris julis": {"role": "human"}, "Diplodus vulgaris": {"role": "exclude_image"}}
    images = {
        shot(1, 8): scores(0.0, 0.94, 0.06), shot(1, 9): scores(0.01, 0.95, 0.04), shot(1, 10): scores(0.8, 0.2, 0.0),
        shot(1, 11): scores(0.4, 0.5, 0.1),
    }  # fmt: skip
    pipeline = empty_bucket.with_settings(taxa=taxa)
    _, done = seen_as(pipeline, "classify", images)
    assert counted(done) == {"Chromis chromis": 3}
    assert done.summary["result"]["balance"]["unusable"] == 1
    human = [line["key"] for line in table(pipeline, done, "below") if line["role"] == "human"]
    assert human == [shot(1, 8), shot(1, 11)]
    pictures = [one["key"] for taxon in done_explore(pipeline, done)["taxa"] for one in taxon["pictures"]]
    assert set(pictures) == {shot(1, 9)}


def test_an_export_of_boxes_that_a_classifier_s_dataset_asks_for_is_refused_alike_each_night(empty_bucket, monkeypatch):
    pipeline = empty_bucket.with_settings(exports=["coco", "megadetector"])
    images = {shot(1, 8): scores(0.6, 0.4, 0.0), shot(1, 9): scores(0.2, 0.7, 0.1)}
    plan, done = seen_as(pipeline, "classify", images)
    assert (
        "holds boxes, and demo-fish v1 classifies images as a whole"
        in done.summary["run"]["exports"]["coco"]["refused"]
    )
    assert {file.table for file in done.stored.export_months} == {"megadetector"}
    assert any(line.startswith("export coco is not written: Export coco holds boxes") for line in done.describe())
    found = pipeline.verify(plan.run_key, plan.variant.directory).deviations
    assert [line for line in found if not line.startswith("variant: the model is for detect")] == []
    with monkeypatch.context() as patch:
        patch.setattr(summarize, "build_tables", lambda *_: pytest.fail("an idle night computes nothing"))
        idle = pipeline.summarize(plan_of(pipeline, "classify"))
    assert idle.summary["run"]["inputs_sha256"] == done.summary["run"]["inputs_sha256"]
    assert idle.summary["folder"] == done.summary["folder"]
    release = Shelf(pipeline.stores, pipeline.dataset, None).first().release
    family = SimpleNamespace(task="classify")
    classifies = replace(release, understood=replace(release.understood, family=family))
    monkeypatch.setattr(Shelf, "first", lambda _: SimpleNamespace(release=classifies, then=None, names=release.names))
    warned = re.findall(
        r"export \w+ holds boxes: it will be refused each night", check_model(pipeline.dataset, pipeline.stores)
    )
    assert warned == ["export coco holds boxes: it will be refused each night"]
    table = _species(done)
    assert table.splitlines()[0].split() == ["taxon", "images", "classified", "as", "it", "of"]
    assert "MaxN" not in table


def done_explore(pipeline, done):
    return pipeline.stores.results.read_json(done.stored.named["explore.json"].key)


def test_a_segmenter_s_taxa_have_an_area_and_a_share_of_all_used_images(empty_bucket):
    images = {
        # 20 x 10 and 10 x 10 pixels of 100 x 80, and a mask of an image of another size.
        shot(1, 8): {
            "detections": [box(CHROMIS), box(CHROMIS, 0.8), box(CORIS), box(CORIS, 0.1)],
            "masks": [
                rectangle(100, 80, 10, 20, 30, 30), rectangle(100, 80, 50, 20, 60, 30), rectangle(80, 80, 0, 0, 9, 9),
                rectangle(100, 80, 0, 0, 100, 80),
            ],
        },
        shot(1, 9): {"detections": [], "masks": []},
    }  # fmt: skip
    pipeline, (_, done) = empty_bucket, seen_as(empty_bucket, "segment", images)
    assert done.summary["result"]["covered"] == [
        {"taxon": "Chromis chromis", "images": 2, "masks": 2, "without_mask": 0, "area_px": 300, "mean_area_px": 150.0, "mean_share": 0.01875},
        {"taxon": "Coris julis", "images": 2, "masks": 0, "without_mask": 1, "area_px": 0, "mean_area_px": None, "mean_share": 0.0},
        {"taxon": "Diplodus vulgaris", "images": 2, "masks": 0, "without_mask": 0, "area_px": 0, "mean_area_px": None, "mean_share": 0.0},
    ]  # fmt: skip
    lines = table(pipeline, done, "detections", "key, position, area_px, mask")
    assert [line["area_px"] for line in lines] == [200.0, 100.0, None]
    assert lines[0]["mask"] == rectangle(100, 80, 10, 20, 30, 30)
    assert [line["area_px"] for line in table(pipeline, done, "below")] == [8000.0]


def test_turned_boxes_of_merged_classes_are_one_fish_only_where_they_lie_alike(empty_bucket):
    pipeline = empty_bucket.with_settings(taxa={"Coris julis": {"merge_into": "Chromis chromis"}})
    lying, quarter = (50, 40, 80, 20), 1.5707963
    images = {
        shot(1, 8): turned_row(turned(CHROMIS, 0.9, lying, 0.5), turned(CORIS, 0.8, lying, 0.5)),
        # A cross: the same middle and size, a quarter turn apart.
        shot(1, 9): turned_row(turned(CHROMIS, 0.9, lying, 0.0), turned(CORIS, 0.8, lying, quarter)),
        # Turned by a quarter and with its sides changed it is the same box.
        shot(1, 10): turned_row(turned(CORIS, 0.8, (50, 40, 20, 80), quarter), turned(CHROMIS, 0.7, lying, 0.0)),
        # Side by side and askew: the upright boxes around them are nearly the same.
        shot(1, 11): turned_row(turned(CHROMIS, 0.9, (50, 40, 80, 4), 0.7854), turned(CORIS, 0.8, (54, 36, 80, 4), 0.7854)),
    }  # fmt: skip
    _, done = seen_as(pipeline, "obb", images)
    lines = table(pipeline, done, "detections", "key, class_id, round(angle::DOUBLE, 4) AS angle")
    found = [(line["key"][-15:-13], line["class_id"], line["angle"]) for line in lines]
    assert found == [
        ("08", CHROMIS, 0.5), ("09", CHROMIS, 0.0), ("09", CORIS, 1.5708), ("10", CORIS, 1.5708), ("11", CHROMIS, 0.7854),
        ("11", CORIS, 0.7854),
    ]  # fmt: skip


def test_turned_boxes_of_merged_classes_whose_corners_are_not_known_go_by_the_upright_ones(empty_bucket):
    pipeline = empty_bucket.with_settings(taxa={"Coris julis": {"merge_into": "Chromis chromis"}})
    unknown = [[None] * 12] * 2
    images = {
        shot(1, 8): {"detections": [box(CHROMIS, 0.9), box(CORIS, 0.8)], "angles": [0.1, 0.1], "keypoints": unknown},
        shot(1, 9): {
            "detections": [box(CHROMIS, 0.9, (0, 0, 20, 20)), box(CORIS, 0.8, (60, 40, 90, 70))],
            "angles": [0.1, 0.1], "keypoints": unknown,
        },
    }  # fmt: skip
    _, done = seen_as(pipeline, "obb", images)
    assert counted(done) == {"Chromis chromis": 3, "Diplodus vulgaris": 0}


def test_key_points_stand_beside_their_boxes(empty_bucket):
    points = [[1.0, 2.0, 0.9, 3.0, 4.0, 0.1], [5.0, 6.0, 0.5, 7.0, 8.0, 0.6]]
    images = {shot(1): {"detections": [box(CHROMIS, 0.2), box(CHROMIS)], "keypoints": points}}
    _, done = seen_as(empty_bucket, "pose", images)
    [line] = table(empty_bucket, done, "detections", "key, keypoints")
    assert [round(value, 2) for value in line["keypoints"]] == points[1]


@pytest.mark.parametrize(
    ("task", "row", "what"),
    [
        pytest.param("segment", {"detections": [box(0)], "masks": []}, "masks", id="fewer masks than boxes"),
        pytest.param("pose", {"detections": [box(0)]}, "keypoints", id="no key points"),
        pytest.param("obb", {"detections": [], "keypoints": [], "angles": None}, "angles", id="no angles"),
        pytest.param("obb", {"angles": [], "keypoints": []}, "boxes", id="no boxes"),
        pytest.param(
            "obb",
            {"detections": [box(0)], "angles": [0.1], "keypoints": [[1.0, 2.0, None]]},
            "keypoints",
            id="a corner for four",
        ),
        pytest.param("classify", {"detections": []}, "class_scores", id="boxes for a classifier"),
        pytest.param("classify", {"class_scores": [0.5, 0.5]}, "class_scores", id="scores of fewer classes"),
        pytest.param("classify", {"class_scores": [5.5, -1.0, 0.5]}, "class_scores", id="logits"),
    ],
)
def test_rows_without_what_the_task_gives_are_refused_and_no_zero(task, row, what):
    with open_database(None) as database:
        database.run(f"CREATE TABLE accounted ({ddl(ROW_COLUMNS)}, fate VARCHAR)")
        names = ", ".join(f"? AS {name}" for name in row)
        database.run(
            f"INSERT INTO accounted BY NAME SELECT 'a.jpg' AS key, 'processed' AS fate, 'processed' AS status, {names}",
            list(row.values()),
        )
        with pytest.raises(
            ContractError, match=f"The row of 'a.jpg' has no {what} as a model for task {task} gives them"
        ):
            need_columns(database, SimpleNamespace(names=["a", "b", "c"], then=None), TASKS[task])


@pytest.mark.parametrize(
    ("boxes", "said", "what"),
    [
        pytest.param([0, 1], [2, None], None, id="each of its model's"),
        pytest.param([2], [0], r"a box of none of the 2 classes of fish v1 - its rows", id="a box of a class of the second only"),
        pytest.param([-1], [0], r"a box of none of the 2 classes of fish v1", id="a box of no class"),
        pytest.param([0], [3], r"no reclassified as species s1, the second model, gives them: one for each box, of its 3 names",
                     id="a name that the second has not"),
        pytest.param([0, 1], [0], r"no reclassified as species s1, the second model, gives them", id="fewer than boxes"),
    ],
)  # fmt: skip
def test_of_two_models_each_has_its_own_classes(boxes, said, what):
    plan = SimpleNamespace(
        names=["a", "b", "c"],
        model="fish v1",
        then=SimpleNamespace(names=["b", "c", "d"], first_classes=2, model="species s1"),
    )
    row = [[box(class_id) for class_id in boxes], [{"class_id": one, "confidence": 0.5} for one in said]]
    with open_database(None) as database:
        database.run(f"CREATE TABLE accounted ({ddl(ROW_COLUMNS)}, fate VARCHAR)")
        database.run(
            "INSERT INTO accounted BY NAME SELECT 'a.jpg' AS key, 'processed' AS fate, 'processed' AS status, "
            "? AS detections, ? AS reclassified", row,
        )  # fmt: skip
        refused = pytest.raises(ContractError, match=f"^The row of 'a.jpg' has {what}") if what else nullcontext()
        with refused:
            need_columns(database, plan, TASKS["detect"])


OF_TWO = {
    "all alike": ({}, {"fish": (0.25,), "crab": (0.25,), "Coris julis": (0.25,), "Sarpa salpa": (0.25,)}),
    "two of the first's": (
        {"fish": {"conf": 0.4}, "crab": {"conf": 0.5}},
        {"fish": (0.4,), "crab": (0.5,), "Coris julis": (0.25, 0.4, 0.5), "Sarpa salpa": (0.25, 0.4, 0.5)},
    ),
    "people are never renamed": (
        {"crab": {"role": "human", "conf": 0.6}},
        {"fish": (0.25,), "Coris julis": (0.25,), "Sarpa salpa": (0.25,)},
    ),
    "both models have it": (
        {"fish": {"conf": 0.4}, "crab": {"merge_into": "Sarpa salpa"}, "Coris julis": {"conf": 0.3}},
        {"fish": (0.4,), "Coris julis": (0.3,), "Sarpa salpa": (0.25, 0.3, 0.4)},
    ),
}
"""Taxa of the dataset file, and from where those count that two models in a row see; both know the last one but one."""


@pytest.mark.parametrize(("taxa", "expected"), OF_TWO.values(), ids=list(OF_TWO))
def test_what_is_told_of_thresholds_of_two_models_is_what_their_boxes_count_from(taxa, expected):
    dataset = Dataset.model_validate({"name": "reef", **dataset_settings("reef", "test", taxa=taxa)})
    names, then = ("fish", "crab", "Coris julis", "Sarpa salpa"), StoredThen(None, ("Coris julis", "Sarpa salpa"), 3)
    plan = SimpleNamespace(names=names, settings=dataset, params=RunParams(), then=then)
    boxes = [box(first) for first in range(3) for _ in (None, 0, 1)]
    said = [None if one is None else {"class_id": one, "confidence": 0.5} for _ in range(3) for one in (None, 0, 1)]
    with open_database(None) as database:
        database.run(f"CREATE TABLE accounted ({ddl(ROW_COLUMNS)}, fate VARCHAR)")
        database.run(
            "INSERT INTO accounted BY NAME SELECT 'a.jpg' AS key, 'processed' AS fate, 'processed' AS status, "
            "? AS detections, ? AS reclassified", [boxes, said],
        )  # fmt: skip
        fill_classes(database, names, dataset, None)
        fill_then_classes(database, names, then)
        database.run_file("tasks/then")
        counted_from = dict(
            database.run(
                "SELECT taxon, list_sort(list(DISTINCT round(threshold::DOUBLE, 6))) FROM class_boxes WHERE role = 'count' GROUP BY 1"
            ).fetchall()
        )
    assert {taxon: tuple(confs) for taxon, confs in counted_from.items()} == confs_of(plan) == expected
    lowest = {taxon: max(confs) for taxon, confs in expected.items()}
    assert _lowest(SimpleNamespace(plan=plan)) == lowest, "two classes of the first may be one fish seen twice"
    plan.then = None
    merged = {"Sarpa salpa": 0.25} if "merge_into" in str(taxa) else {}
    assert _lowest(SimpleNamespace(plan=plan)) == merged


@pytest.fixture
def bucket_of_one(empty_bucket):
    empty_bucket.put(shot(1), b"one")
    return empty_bucket, shot(1)


def test_a_plan_without_a_task_is_of_boxes_and_one_of_a_later_release_asks_for_it(bucket_of_one):
    pipeline, key = bucket_of_one
    plan = plan_of(pipeline, "depth")
    written = stored_plan(pipeline, plan)
    assert StoredPlan.parse({name: value for name, value in written.json.items() if name != "task"}).task == "detect"
    write_given(pipeline, plan, {key: {"detections": []}})
    with pytest.raises(ContractError, match="is of task 'depth' - upgrade Shoal"):
        pipeline.summarize(plan)


def test_night_by_night_gives_what_one_run_gives(empty_bucket):
    def row(day):
        masks = [rectangle(100, 80, 0, 0, 10 * day, 8)]
        return {"detections": [box(CHROMIS, 0.5 + day / 20)], "masks": masks}

    first, more = {shot(day): row(day) for day in (1, 2, 3)}, {shot(day): row(day) for day in (4, 5, 6)}
    seen_as(empty_bucket, "segment", first)
    _, after = seen_as(empty_bucket, "segment", more)
    full, other = empty_bucket.summarize(plan_of(empty_bucket, "segment")), after
    assert full.summary["result_sha256"] == other.summary["result_sha256"]
    assert [file.sha256 for file in full.stored.tables] == [file.sha256 for file in other.stored.tables]
    assert full.balance.fates["reused"] == len(first) + len(more)


def test_what_is_told_of_a_segmenter_stands_in_docs():
    text = (Path(__file__).parents[3] / "docs/formats.md").read_text(encoding="utf-8")
    view = read_sql("tasks/segment/covered")
    told = re.findall(r"^\| `result\.covered\[\]\.(\w+)`", text, re.MULTILINE)
    assert told == ["taxon", "images", "masks", "without_mask", "area_px", "mean_area_px", "mean_share"]
    assert all(name in view for name in told)
