"""Exports of classifiers, segmenters, poses and turned boxes: each holds what it can, counts the rest, and invents no box."""

import csv
import io
import json
import zipfile
from dataclasses import replace

import pytest

from field import open_with
from shoal.airflow.pages.evidence_view import EvidenceView
from shoal.airflow.pages.explore_form import ExploreForm
from shoal.airflow.pages.explore_page import explore_page, look
from shoal.answers import browsed
from shoal.answers.answer_cache import AnswerCache
from shoal.answers.browse import bring
from shoal.answers.browsed_elsewhere import seen_in
from shoal.answers.browsed_shapes import has_shapes, with_shapes
from shoal.answers.explored import Asked, read_explored
from shoal.answers.kept_files import KeptFiles
from shoal.answers.looked_tables import need_looked
from shoal.answers.shown import ShownAnswer
from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError
from shoal.evidence.answer_evidence import AnswerEvidence
from shoal.evidence.review.design import Wish, draw_review
from shoal.evidence.review.published import Asked as AskedNumber
from shoal.exports.camtrap_dp.package import CAMTRAP_DP
from shoal.exports.camtrapr import CAMTRAPR
from shoal.exports.coco import COCO
from shoal.exports.corrected import corrected_rows
from shoal.exports.darwin_core.archive import DARWIN_CORE
from shoal.exports.export import Answer
from shoal.exports.ifdo import IFDO
from shoal.exports.long import LONG
from shoal.exports.megadetector import MEGADETECTOR
from shoal.exports.xlsx import WORKBOOK, Workbook
from shoal.exports.yolo import YOLO
from shoal.tables.session import open_database
from written_tasks import box, published_task, rectangle, turned, turned_row
from written_tasks import written as run_lengths

DIPLODUS, CHROMIS, CORIS = 0, 1, 2
FIRST, SECOND, THIRD = (f"A/20260601-{hour}0000-A.jpg" for hour in ("06", "12", "18"))
OTHER_SIZE = "A/20260602-060000-A.jpg"

CLASSIFIED = {
    FIRST: {"class_scores": [0.1, 0.8, 0.1]},
    SECOND: {"class_scores": [0.2, 0.7, 0.1]},
    THIRD: {"class_scores": [0.3, 0.1, 0.1]},
    "A/20260602-060000-A.jpg": {"class_scores": [0.2, 0.2, 0.2]},
}

# 20 x 10 pixels, and two parts of 10 x 10 and 4 x 10 in one mask: both stand in columns 50 to 64 of 100.
TWO_PARTS = rectangle(100, 80, 50, 20, 60, 30)
MASKED = {
    FIRST: {"detections": [box(CHROMIS, 0.9, (10, 20, 30, 30)), box(CORIS, 0.5, (50, 20, 60, 30))], "masks": [rectangle(100, 80, 10, 20, 30, 30), TWO_PARTS]},
    SECOND: {"detections": [box(CHROMIS, 0.9, (1, 2, 3, 4))], "masks": [None]},
    OTHER_SIZE: {"detections": [box(CHROMIS, 0.9, (1, 2, 3, 4))], "masks": [rectangle(80, 60, 0, 0, 9, 9)]},
    THIRD: {"detections": [], "masks": []},
}  # fmt: skip

# A quarter turn about (50, 40): a box 40 wide and 20 high stands upright, 20 wide and 40 high.
TURNED = {FIRST: turned_row(turned(CHROMIS, 0.9, (50, 40, 40, 20), 1.5707963267948966)), SECOND: turned_row()}
POINTED = {
    FIRST: {"detections": [box(CHROMIS, 0.9, (10, 20, 30, 60))], "keypoints": [[20.0, 40.0, 0.9, 25.0, 30.0, 0.2]]},
    SECOND: {"detections": [], "keypoints": []},
}


@pytest.fixture(scope="module", params=["classify", "segment", "obb", "pose"])
def of_task(request, demo_models, tmp_path_factory):
    rows = {"classify": CLASSIFIED, "segment": MASKED, "obb": TURNED, "pose": POINTED}[request.param]
    with published_task(tmp_path_factory.mktemp(request.param), demo_models["v1"], request.param, rows) as published:
        yield request.param, published


def read(published, export, to, *where):
    written = published.write(export, to, *where)
    return written, {path.name: path for path in written.files}


def check_words_of_page(task, run, view):
    """Of a classifier nothing is said of boxes, and no export is named that holds them."""
    page = explore_page("reanalyse_reef", run.layout.root, run, view, EvidenceView(None, None)).body.decode()
    says = [
        words in page for words in ("detections", "boxes", "coco", "yolo", "Images with it", "never of individuals")
    ]
    assert says == [task != "classify"] * 5 + [True]


def test_a_page_counts_anew_what_the_answer_tells(of_task, tmp_path):
    task, published = of_task
    results, cache = published.pipeline.stores.results, AnswerCache(KeptFiles(tmp_path / "kept", 1024**3))
    told = results.read_json(published.run.summary.named["explore.json"].key)["taxa"]
    answer = cache.open(results, published.run.summary, wait_s=60)
    need_looked(answer, published.run)
    with answer.session() as database:
        for one in told:
            found = read_explored(database, Asked(one["taxon"], ("A",)))
            assert (found.counted, found.images_with) == (one["detections"], one["images_with"])
            assert (list(found.scores), list(found.best_scores)) == (one["scores"], one["best_scores"])
    check_words_of_page(task, published.run, look(published.run, answer, ExploreForm()))
    cache.close()
    assert sum(one["detections"] for one in told) > 0


def test_coco(of_task, tmp_path):
    task, published = of_task
    if task == "classify":
        with pytest.raises(
            ConfigError,
            match="Export coco holds boxes, and demo-fish v1 classifies images as a whole - long or megadetector",
        ):
            published.write(COCO, tmp_path / "out")
        return
    written, files = read(published, COCO, tmp_path / "out")
    data, results = (json.loads(files[name].read_text(encoding="utf-8")) for name in ("coco.json", "coco-results.json"))
    first = data["annotations"][0]
    if task == "segment":
        assert (first["segmentation"], first["area"]) == (
            {"size": [80, 100], "counts": MASKED[FIRST]["masks"][0]},
            200.0,
        )
        assert "segmentation" not in data["annotations"][2]
        assert "segmentation" not in data["annotations"][3]
        assert [("bbox" in one, one["segmentation"]["size"]) for one in results] == [(False, [80, 100])] * 2
        assert written.not_held["boxes without a mask (not in coco-results.json)"] == 2
    if task == "obb":
        assert (first["bbox"], first["area"]) == ([40.0, 20.0, 20.0, 40.0], 800.0)
        assert first["segmentation"] == [[40.0, 60.0, 60.0, 60.0, 60.0, 20.0, 40.0, 20.0]]
    if task == "pose":
        assert data["categories"][0]["keypoints"] == ["1", "2"]
        assert (first["keypoints"], first["num_keypoints"]) == ([20.0, 40.0, 2, 25.0, 30.0, 1], 2)
        assert results[0]["keypoint_scores"] == [0.9, 0.2]


def test_a_classifier_has_no_individuals_to_correct_nor_to_test(of_task):
    task, published = of_task
    run, pipeline = published.run, published.pipeline
    measure = {
        "raw": 2, "corrected": None, "low": None, "high": None, "labels_to_halve": None, "elsewhere": None, "bias": None
    }  # fmt: skip
    taxon = {"taxon": "Chromis chromis", "images": 4, "labels": 4, "positives": 2, "total": measure, "share": measure}
    answer = Answer(
        run.plan, True, run.summary.result, run.summary.run, evidence=AnswerEvidence(estimates={"taxa": [taxon]})
    )
    rows = [row[1] for row in corrected_rows(answer)]
    wish = Wish(AskedNumber("Chromis chromis", "total"), 10)
    with open_database(pipeline.stores.results) as database:
        if task != "classify":
            assert rows == ["individuals", "images with it"]
            return
        assert rows == ["images with it"]
        with pytest.raises(
            ConfigError, match=r"--number total: demo-fish v1 says .* counts nothing in it - ask for --n"
        ):
            draw_review(database, pipeline.stores.layout, run, wish, pipeline.dataset.taxa)


def test_megadetector(of_task, tmp_path):
    task, published = of_task
    written, files = read(published, MEGADETECTOR, tmp_path / "out")
    data = json.loads(files["megadetector.json"].read_text(encoding="utf-8"))
    detections = {image["file"]: image["detections"] for image in data["images"]}
    if task == "classify":
        assert data["detection_categories"] == {"1": "image as a whole"}
        assert data["classification_categories"] == {
            "1": "Chromis chromis",
            "2": "Coris julis",
            "3": "Diplodus vulgaris",
        }
        assert detections[FIRST] == [
            {"category": "1", "conf": 0.8, "bbox": [0.0, 0.0, 1.0, 1.0], "classifications": [["1", 0.8]]}
        ]
        assert detections["A/20260602-060000-A.jpg"] == []
    if task == "obb":
        assert detections[FIRST] == [{"category": "1", "conf": 0.9, "bbox": [0.4, 0.25, 0.2, 0.5]}]
        assert written.not_held["boxes' angles (for upright boxes around them)"] == 1
    if task == "segment":
        assert written.not_held["boxes' masks"] == 2
    if task == "pose":
        assert written.not_held["boxes' key points"] == 1


def test_yolo(of_task, tmp_path):
    task, published = of_task
    if task == "classify":
        with pytest.raises(ConfigError, match="Export yolo holds boxes"):
            published.write(YOLO, tmp_path / "out")
        return
    written, _ = read(published, YOLO, tmp_path / "out")
    label = (tmp_path / "out" / "labels" / FIRST.replace(".jpg", ".txt")).read_text(encoding="utf-8")
    lines = [[float(value) for value in line.split()] for line in label.splitlines()]
    if task == "segment":
        assert lines[0][0] == 0
        assert {tuple(lines[0][n : n + 2]) for n in range(1, 9, 2)} == {
            (0.1, 0.25),
            (0.3, 0.25),
            (0.3, 0.375),
            (0.1, 0.375),
        }
        assert (tmp_path / "out" / "labels" / SECOND.replace(".jpg", ".txt")).read_bytes() == b""
        assert (tmp_path / "out" / "labels" / OTHER_SIZE.replace(".jpg", ".txt")).read_bytes() == b""
        assert written.not_held["boxes without a mask"] == 2
        assert written.rows == {"images.csv": 2}
    if task == "obb":
        assert lines == [[0, 0.4, 0.75, 0.6, 0.75, 0.6, 0.25, 0.4, 0.25]]
    if task == "pose":
        assert lines == [[0, 0.2, 0.5, 0.2, 0.5, 0.2, 0.5, 2, 0.25, 0.375, 1]]
        assert "kpt_shape:\n- 2\n- 3\n" in (tmp_path / "out" / "data.yaml").read_text(encoding="utf-8")


def test_ifdo(of_task, tmp_path):
    task, published = of_task
    written, files = read(published, IFDO, tmp_path / "out")
    items = json.loads(files["ifdo.json"].read_text(encoding="utf-8"))["image-set-items"]
    shapes = [(one["shape"], one["coordinates"]) for one in items[FIRST]["image-annotations"]]
    if task == "classify":
        assert shapes == [("whole-image", [[]])]
        assert items["A/20260602-060000-A.jpg"]["image-annotations"] == []
    if task == "segment":
        (kind, [outline]), (_, [_]) = shapes
        assert (kind, len(outline), outline[:2]) == ("polygon", 10, outline[-2:])
        assert {items[key]["image-annotations"][0]["shape"] for key in (SECOND, OTHER_SIZE)} == {"rectangle"}
        assert written.not_held["masks of boxes that have none of their image's size"] == 2
    if task == "obb":
        assert shapes == [("rectangle", [[40.0, 60.0, 60.0, 60.0, 60.0, 20.0, 40.0, 20.0]])]
    if task == "pose":
        assert written.not_held["boxes' key points"] == 1


@pytest.mark.parametrize("export", [YOLO, IFDO], ids=["yolo", "ifdo"])
def test_what_an_outline_cannot_hold_is_counted_also_where_the_outlines_are_written_already(of_task, tmp_path, export):
    """As after a process that ended before export.json."""
    task, published = of_task
    if task != "segment":
        return
    runs, at = [], 0
    for column in (10, 11, 12, 50, 51, 52):
        runs += [column * 80 + 10 - at, 10]
        at = column * 80 + 20
    with open_database(published.pipeline.stores.results) as database:
        view_answer(database, published.run.summary)
        database.run("CREATE TABLE boxes AS FROM detections")
        database.run("UPDATE boxes SET mask = ? WHERE area_px IS NOT NULL", [run_lengths([*runs, 8000 - at])])
        database.run("CREATE OR REPLACE VIEW detections AS FROM boxes")
        first, again = (export.write(database, published.answer(), tmp_path, Where()) for _ in range(2))
    parts = [count for what, count in first.not_held.items() if what.startswith("further parts and holes of masks")]
    assert (parts > [0], again) == (True, first)


def test_the_community_s_ifdo_package_takes_outlines_and_whole_images(of_task, tmp_path):
    task, published = of_task
    if task not in {"classify", "segment"}:
        return
    published.write(IFDO, tmp_path / "out")
    assert open_with("ifdo", tmp_path / "out")["errors"] == []


def test_camtrap_dp(of_task, tmp_path):
    task, published = of_task
    _, files = read(published, CAMTRAP_DP, tmp_path / "out")
    lines = list(csv.DictReader(io.StringIO(files["observations.csv"].read_text(encoding="utf-8"))))
    animals = [line for line in lines if line["observationType"] == "animal" and line["observationLevel"] == "media"]
    events = [line for line in lines if line["observationType"] == "animal" and line["observationLevel"] == "event"]
    if task == "classify":
        assert len(animals) == 3
        assert {line[name] for line in animals for name in ("bboxX", "bboxY", "bboxWidth", "bboxHeight", "count")} == {
            ""
        }
        assert {(line["count"], line["observationComments"]) for line in events} == {
            ("", "classified from the image as a whole: nothing was counted")
        }
        assert sum(line["observationType"] == "blank" and line["observationLevel"] == "media" for line in lines) == 1
    if task == "obb":
        assert [float(animals[0][name]) for name in ("bboxX", "bboxY", "bboxWidth", "bboxHeight")] == pytest.approx(
            [0.4, 0.25, 0.2, 0.5]
        )


def test_darwin_core_long_and_xlsx_of_a_classifier_are_of_images(of_task, tmp_path):
    task, published = of_task
    if task != "classify":
        return
    _, files = read(published, DARWIN_CORE, tmp_path / "dwc")
    with zipfile.ZipFile(files["darwin-core.zip"]) as archive:
        tables = {
            name: list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode())))
            for name in ("occurrence", "measurement")
        }
    assert {(line["scientificName"], line["organismQuantity"], line["organismQuantityType"]) for line in tables["occurrence"]} == {
        ("Chromis chromis", "2", "images classified as the taxon"), ("Diplodus vulgaris", "1", "images classified as the taxon"),
    }  # fmt: skip
    kinds = {line["measurementType"] for line in tables["measurement"]}
    assert kinds == {
        "images examined",
        "time at work",  # of a released camera that nothing came by
        "images classified as the taxon",
        "share of images classified as the taxon",
    }
    _, files = read(published, LONG, tmp_path / "long")
    lines = list(csv.DictReader(io.StringIO(files["long.csv"].read_text(encoding="utf-8"))))
    chromis = [
        (line["count"], line["images"], line["images_with"], line["maxn"])
        for line in lines
        if (line["camera"], line["taxon"]) == ("A", "Chromis chromis")
    ]
    assert chromis == [("2", "3", "2", "1"), ("0", "1", "0", "0")]
    _, files = read(published, WORKBOOK, tmp_path / "xlsx")
    import openpyxl

    about = dict(openpyxl.load_workbook(files["counts.xlsx"])["about"].iter_rows(values_only=True))
    assert about["below a taxon"].startswith("images that the model takes for it")
    _, records = read(published, CAMTRAPR, tmp_path / "camtrapr")
    _, sheets = read(published, Workbook(csv="excel"), tmp_path / "csv")
    assert set(records) == {"recordTable.csv", "cameraOperation.csv", "stations.csv"}, (
        "MaxN of a classifier tells nothing"
    )
    assert "equal-effort.csv" not in sheets
    assert "equal effort" not in {*about, *openpyxl.load_workbook(files["counts.xlsx"]).sheetnames}


def test_months_count_what_a_format_cannot_hold_as_the_whole_does(of_task):
    task, published = of_task
    if task == "classify":
        return
    with open_database(published.pipeline.stores.results) as database:
        view_answer(database, published.run.summary)
        answer = published.answer()
        told = {**COCO.not_held(database, answer), **MEGADETECTOR.not_held(database, answer)}
    found = {what: count for what, count in told.items() if count}
    assert (
        found
        == {
            "segment": {"boxes without a mask (not in coco-results.json)": 2, "boxes' masks": 2},
            "obb": {"boxes' angles (for upright boxes around them)": 1},
            "pose": {"boxes' key points": 1},
        }[task]
    )


def test_a_part_without_boxes_has_as_many_key_points_as_the_model_gives(of_task, tmp_path):
    task, published = of_task
    if task != "pose":
        return
    assert published.run.plan.key_points is None, "a detector stands in for the model"
    answer = replace(published.answer(), plan=replace(published.run.plan, key_points=17))
    where = Where.parse(["from=2026-06-01T11:00:00Z"], "UTC")
    with open_database(published.pipeline.stores.results) as database:
        view_answer(database, published.run.summary, where)
        COCO.write(database, answer, made(tmp_path / "coco"), where)
        YOLO.write(database, answer, made(tmp_path / "yolo"), where)
    [first, *_] = json.loads((tmp_path / "coco" / "coco.json").read_text(encoding="utf-8"))["categories"]
    assert len(first["keypoints"]) == 17
    assert "kpt_shape:\n- 17\n- 3\n" in (tmp_path / "yolo" / "data.yaml").read_text(encoding="utf-8")


def made(folder):
    folder.mkdir()
    return folder


def test_the_report_speaks_of_images_where_nothing_is_counted_in_them(of_task):
    task, published = of_task
    results, summary = published.pipeline.stores.results, published.run.summary
    page = results.read_bytes(summary.named["report.html"].key).decode()
    assert ("Classified as it" in page) == (task == "classify")
    assert ("Mean per image" in page) == (task != "classify")
    assert ("Mean share of an image" in page) == (task == "segment")


def test_what_is_shown_has_the_shapes_of_its_task(of_task):
    task, published = of_task
    with open_database(published.pipeline.stores.results) as database:
        view_answer(database, published.run.summary)
        shown = ShownAnswer(database, published.run.summary, {})
        boxes = shown.boxes(shown.find_image(FIRST), below=True)
        picked = shown.pick(10, "doubt", taxon=None, below=True)
    first = boxes[0]
    assert first.whole == (task == "classify")
    assert bool(first.mask) == (task == "segment")
    assert (first.angle is not None, len(first.keypoints)) == {"obb": (True, 12), "pose": (False, 6)}.get(
        task, (False, 0)
    )
    if task == "classify":
        assert [(one.label, one.style) for one in boxes] == [
            ("Chromis chromis", "counted"), ("Diplodus vulgaris", "below"), ("Coris julis", "below"),
        ]  # fmt: skip
        assert picked.of == 4, "each image stands for what it scores best"


LOOKS = {"segment": "outline", "obb": "outline", "pose": "points", "classify": ""}


def test_a_page_shows_each_task_as_what_it_is(of_task):
    task, published = of_task
    run = published.run
    with open_database(published.pipeline.stores.results) as database:
        answer = bring(database, run.layout, run.summary, run.plan, {})
        image = answer.image(FIRST, "")
        boxes = with_shapes(database, image, run.summary.tables).boxes if has_shapes(run.plan) else image.boxes
        assert [shown for shown in ("outline", "points") if getattr(boxes[0], shown)] == list(
            filter(None, [LOOKS[task]])
        )
        assert (boxes[0].taxon, boxes[0].x1 is None) == ("Chromis chromis", task == "classify")
        assert len(boxes) == (2 if task == "segment" else 1)
        (first, *_) = answer.images(browsed.Asked(taxon="Chromis chromis", order="sure")).images
        assert first.key == FIRST
        assert seen_in(database, image, run.summary.tables, task) == ("used", answer.counted_in(image))
