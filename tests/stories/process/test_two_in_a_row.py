"""Two models in a row: the same boxes, crops and scores as both by hand, and what is counted of them."""

import json
import subprocess
import sys

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from PIL import Image

from pipeline import run_worker_here
from published_answer import Published
from shoal.__main__ import main
from shoal.answers.find import find_run
from shoal.contract.errors import ConfigError, ModelRefusedError
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.hashing import canonical_sha256
from shoal.contract.inference import Inference
from shoal.exports.coco import COCO
from shoal.exports.megadetector import MEGADETECTOR
from shoal.history.verification.identity import check_identity
from shoal.models.approval import Asks, Decision
from shoal.results.answer import move_current
from shoal.results.read_plan import read_plan
from shoal.results.stored_plan import StoredPlan
from shoal.tables.session import open_database
from shoal_worker.detector import Detector
from shoal_worker.predict import ThenFile, open_detector
from shoal_worker.session import open_model
from worker.colour_classifier import PAINTED, SIDE, colour_classifier
from worker.onnx_models import constant_model

SPECIES = {
    "Chromis chromis": PAINTED["Chromis chromis"],
    "Diplodus sargus": PAINTED["Diplodus vulgaris"],
    "Diplodus puntazzo": PAINTED["Diplodus vulgaris"],
    "Coris julis": PAINTED["Coris julis"],
}
"""Two species of one colour: each has half of what the model is sure of, their genus all of it."""

TAXA = {
    "Diplodus sargus": {"parent": "Diplodus"},
    "Diplodus puntazzo": {"parent": "Diplodus"},
    "Diplodus": {"parent": "Sparidae", "aphia_id": 125956},
}


@pytest.fixture
def reef(few_images):
    few_images.stores.models.write_bytes("species/s1/model.onnx", colour_classifier(SPECIES))
    return few_images


def with_then(reef, model=None, **then):
    model = {"name": "demo-fish", "version": "v1", "then": {"name": "species", **then}, **(model or {})}
    return reef.with_settings(model=model, taxa=TAXA)


def by_hand(data, boxes, session):
    """What the classifier says of each box: cut, scaled and run as one would without Shoal."""
    image = Image.fromarray(
        cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    )
    for box in boxes:
        left, top = (int(np.floor(max(0, box[edge]))) for edge in ("x1", "y1"))
        right, bottom = int(np.ceil(min(image.width, box["x2"]))), int(np.ceil(min(image.height, box["y2"])))
        side = max(right - left, bottom - top)
        left = min(max(0, left - (side - right + left) // 2), image.width - side)
        top = min(max(0, top - (side - bottom + top) // 2), image.height - side)
        crop = image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        tensor = np.asarray(crop, np.float32).transpose(2, 0, 1)[None] / 255
        yield session.run(None, {"images": tensor})[0][0]


def test_boxes_crops_and_scores_are_those_of_both_models_by_hand(reef, demo_models):
    summary = with_then(reef).run()
    rows = reef.rows(summary)
    session = ort.InferenceSession(colour_classifier(SPECIES), providers=["CPUExecutionProvider"])
    first = Detector(open_model(demo_models["v1"]), Inference((640, 640), rect=False))
    looked = 0
    for key, row in rows.items():
        data = reef.stores.source.find_bytes(key, 10**7)
        alone = first.detect(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)).to_columns()
        assert row["detections"] == alone["detections"]
        for said, scores in zip(row["reclassified"], by_hand(data, row["detections"], session), strict=True):
            assert (said["class_id"], said["confidence"]) == (int(scores.argmax()), float(scores.max()))
            looked += 1
    assert looked > 20


def test_counts_go_by_the_second_model_with_the_first_beside(reef, tmp_path):
    alone, pipeline = reef.run(), with_then(reef, min_conf=0.65)
    summary = pipeline.run()
    before, result = alone.summary["result"], summary.summary["result"]
    seen = {one["taxon"]: one["detections"] for one in before["species"]}
    assert {one["taxon"]: (one["detections"], one["aphia_id"]) for one in result["species"]} == {
        "Chromis chromis": (seen["Chromis chromis"], None),
        "Coris julis": (seen["Coris julis"], None),
        "Diplodus": (seen["Diplodus vulgaris"], 125956),
        "Diplodus puntazzo": (0, None),
        "Diplodus sargus": (0, None),
        "Diplodus vulgaris": (0, None),
        "Sparidae": (0, None),
    }
    assert [(one["first_class"], one["taxon"], one["by_second"]) for one in result["first_classes"]] == sorted(
        ((name, "Diplodus" if "Dip" in name else name, count) for name, count in seen.items() if count),
        key=lambda one: -one[2],
    )
    assert (result["model"]["version"], result["then"]["version"]) == ("v1", "s1")
    assert result["names"] == [*SPECIES_OF_DEMO, "Diplodus sargus", "Diplodus puntazzo", "Diplodus", "Sparidae"]
    with open_database(reef.stores.results) as database:
        files = [file["key"] for file in summary.summary["files"] if file["table"] == "detections"]
        found = database.records(
            "SELECT DISTINCT class_name, first_class_name, reclassified.class_id = class_id AS same, reclassified.confidence > 0.9 AS sure "
            "FROM read_parquet(?) ORDER BY 1", [[database.uri(key) for key in files]],
        )  # fmt: skip
    assert [tuple(one.values()) for one in found] == [
        ("Chromis chromis", "Chromis chromis", True, True),
        ("Coris julis", "Coris julis", True, True),
        ("Diplodus", "Diplodus vulgaris", True, True),
    ]
    published = Published(pipeline, find_run(reef.stores.results, reef.stores.layout))
    files = [*published.write(COCO, tmp_path / "coco").files, *published.write(MEGADETECTOR, tmp_path / "md").files]
    coco, _, detector = (json.loads(path.read_text(encoding="utf-8")) for path in files)
    assert coco["info"]["description"].endswith("seen by demo-fish v1, then species s1")
    assert {one["first_class"] for one in coco["annotations"]} == {name for name, count in seen.items() if count}
    assert all(one["then_score"] > 0.9 for one in coco["annotations"])
    assert (detector["info"]["detector"], detector["info"]["classifier"]) == ("demo-fish v1", "species s1")
    taxa, firsts = detector["classification_categories"], detector["detection_categories"]
    assert {
        (firsts[box["category"]], taxa[box["classifications"][0][0]])
        for one in detector["images"]
        for box in one["detections"]
    } == {(name, "Diplodus" if "Dip" in name else name) for name, count in seen.items() if count}


SPECIES_OF_DEMO = ["Diplodus vulgaris", "Chromis chromis", "Coris julis"]


def test_what_is_above_the_second_models_classes_belongs_to_the_variant_and_nothing_else_of_taxa(reef):
    plain = reef.plan(plan_only=True).variant
    assert "then" not in plain.preimage
    best = with_then(reef).plan(plan_only=True).variant
    assert best.preimage["then"] == {
        "model_sha256": best.then.sha256, "imgsz": (SIDE, SIDE), "pad": 0.0, "square": True,
    }  # fmt: skip
    rolled = with_then(reef, min_conf=0.65, classes=["Chromis chromis"], crop={"pad": 0.1, "square": False})
    variant = rolled.plan(plan_only=True).variant
    assert {key: value for key, value in variant.preimage["then"].items() if key != "model_sha256"} == {
        "imgsz": (SIDE, SIDE), "pad": 0.1, "square": False, "classes": (1,),
        "roll_up": {"min_conf": 0.65, "ancestors": ("Diplodus", "Sparidae"), "parents": (None, 4, 4, None, 5, None)},
    }  # fmt: skip
    assert canonical_sha256(plain.preimage) == plain.sha256 != best.sha256 != variant.sha256
    noted = {**TAXA, "Coris julis": {"aphia_id": 126963, "conf": 0.5}}
    assert rolled.with_settings(taxa=noted).plan(plan_only=True).variant.sha256 == variant.sha256
    moved = {**TAXA, "Coris julis": {"parent": "Labridae"}}
    assert rolled.with_settings(taxa=moved).plan(plan_only=True).variant.sha256 != variant.sha256


@pytest.mark.parametrize(
    ("model", "then", "message"),
    [
        pytest.param({}, {"classes": ["Chromis", "fish"]}, r"model.then.classes names 'Chromis', which is no class of demo-fish v1: "
                     r"it has Diplodus vulgaris, Chromis chromis, Coris julis - correct it, or leave model.then.classes out", id="other classes"),
        pytest.param({}, {"name": "demo-fish", "version": "v2"}, "model.then demo-fish v2 is for task 'detect', and what looks at crops is a "
                     r"classifier \(task 'classify'\) - name a classifier", id="no classifier"),
        pytest.param({}, {"name": "each", "min_conf": 0.6}, r"model.then.min_conf adds up the scores of classes, and those of each s1 are no shares of "
                     r"one whole: they sum to 2 on a black image, as with a sigmoid for each class - leave min_conf out", id="scores that are no shares"),
        pytest.param({"name": "species"}, {}, "model.then looks at boxes, and species s1 finds none: it is for task 'classify' - leave", id="two classifiers"),
        pytest.param({}, {"version": "s9"}, "Model version 's9' not found, there are: s1 - put s9/model.onnx there|Model version 's9' not found, there are: s1", id="no such version"),
        pytest.param({}, {"name": "nobody"}, "nobody/: Model version 'latest' not found, there are: none", id="no such model"),
        pytest.param({"size_limit": 2**20}, {"name": "large", "version": "s1"}, r"large/s1/model.onnx.* - raise model.size_limit", id="too large"),
        pytest.param({}, {"name": "nameless", "version": "s1"}, "nameless/s1/model.onnx: Model metadata has no class names", id="names are missing"),
    ],
)  # fmt: skip
def test_a_second_model_that_does_not_fit_is_one_line(reef, model, then, message):
    reef.stores.models.write_bytes("large/s1/model.onnx", bytes(2**20 + 1))
    reef.stores.models.write_bytes("each/s1/model.onnx", colour_classifier(SPECIES, shares=False))
    nameless = onnx.load_from_string(colour_classifier(SPECIES))
    del nameless.metadata_props[3]
    reef.stores.models.write_bytes("nameless/s1/model.onnx", nameless.SerializeToString())
    version = {} if "name" not in model else {"version": "s1"}
    with pytest.raises(ConfigError, match=message) as said:
        with_then(reef, model={**model, **version}, **then).plan(plan_only=True)
    assert "\n" not in str(said.value)


def test_latest_of_the_second_passes_over_what_is_none_and_what_waits(reef):
    newest = with_then(reef)
    answered = newest.plan()
    stored = StoredPlan.parse(answered.to_json())
    moved = move_current(reef.stores.results, reef.stores.layout, stored, complete=True, result_sha256="0" * 64)
    assert moved.not_because is None
    reef.stores.models.write_bytes("species/s2/model.onnx", colour_classifier(SPECIES, sharpness=30))
    reef.stores.models.write_bytes("species/s3/model.onnx", b"half of a model")
    reef.stores.models.write_bytes(
        "species/s4/model.onnx", reef.stores.models.find_bytes("demo-fish/v1/model.onnx", 10**8)
    )
    asking = newest.with_settings(run={"approval_cpu_hours": 0})
    plan = asking.plan(asks=Asks.NEVER)
    assert (plan.variant.title, plan.approval.decision) == ("demo-fish v1, then species s1", Decision.NOT_NEEDED)
    assert [passed.version for passed in plan.passed_over] == [
        "then species s4",
        "then species s3",
        "v1, then species s2",
    ]
    assert "waits for approval: 12 images" in plan.passed_over[-1].reason
    asked = asking.plan(asks=Asks.ONCE)
    assert (asked.variant.title, asked.approval.decision) == ("demo-fish v1, then species s2", Decision.ASK)
    assert "run " + asked.run_key + ": model demo-fish v1, then species s2" in asked.describe()[0]


def test_a_second_model_that_was_replaced_or_is_gone_ends_the_worker_with_one_line(reef):
    plan = with_then(reef).plan()
    reef.stores.models.write_bytes("species/s1/model.onnx", colour_classifier(SPECIES, sharpness=5))
    ended = run_worker_here(reef.stores, plan, 0)
    assert ended.returncode == WorkerExit.CONFIG
    assert "species/s1/model.onnx" in ended.stdout
    assert "must not be replaced" in ended.stdout
    reef.stores.models.delete(["species/s1/model.onnx"])
    ended = run_worker_here(reef.stores, plan, 0)
    assert (ended.returncode, "No object 'species/s1/model.onnx'" in ended.stdout) == (WorkerExit.CONFIG, True)


@pytest.mark.parametrize("other", ["v1", None], ids=["a detector", "no model at all"])
def test_verify_names_the_second_model_where_its_file_is_what_cannot_be_understood(reef, demo_models, other):
    pipeline = with_then(reef)
    planned = pipeline.plan()
    paths = pipeline.stores.layout.variant(planned.variant.directory).run(planned.run_key)
    plan = read_plan(pipeline.stores.results, paths.plan)
    assert check_identity(pipeline.stores, plan).deviations == ()
    pipeline.stores.models.write_bytes("species/s1/model.onnx", demo_models[other] if other else b"no model")
    [line] = check_identity(pipeline.stores, plan).deviations
    assert line.startswith("variant: model species s1")
    assert "demo-fish" not in line


def test_both_are_tried_with_predict_and_with_model(reef, demo_models, scenes, tmp_path, capsys):
    for name, data in (("first", demo_models["v1"]), ("second", colour_classifier(SPECIES))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.onnx").write_bytes(data)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(next(scene.jpeg for scene in scenes if scene.fish))
    first, second = tmp_path / "first/model.onnx", tmp_path / "second/model.onnx"
    words = [sys.executable, "-m", "shoal_worker", "predict", "--model", str(first), "--then", str(second), str(photo)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    boxes = json.loads(done.stdout)["detections"]
    assert boxes
    assert {(box["class_name"], box["then"]["class_name"]) for box in boxes} <= {
        ("Diplodus vulgaris", "Diplodus puntazzo"), ("Chromis chromis", "Chromis chromis"), ("Coris julis", "Coris julis"),
    }  # fmt: skip
    assert main(["model", str(first.parent), "--then", str(second.parent), "--image", str(photo)]) == 0
    told = capsys.readouterr().out
    assert "then      " in told
    assert f", then {boxes[0]['then']['confidence']:.2f}  {boxes[0]['then']['class_name']}" in told
    assert main(["model", str(second), "--then", str(second)]) == 1
    assert "refused   --then looks at boxes, and model.onnx finds none" in capsys.readouterr().out
    with pytest.raises(ModelRefusedError, match=r"^--then looks at boxes, and model\.onnx finds none"):
        open_detector(second, None, 0.25, 0.7, then=ThenFile(second))
    with pytest.raises(ModelRefusedError, match=r"^--then model\.onnx is for task 'detect', and what looks at crops"):
        open_detector(first, None, 0.25, 0.7, then=ThenFile(first))


def test_what_the_first_model_calls_people_stays_people_whatever_the_second_says(reef):
    taxa = {**TAXA, "Coris julis": {"role": "human"}, "Chromis chromis": {"role": "ignore"}}
    paint = {name: rgb for name, rgb in SPECIES.items() if name not in {"Coris julis", "Chromis chromis"}}
    reef.stores.models.write_bytes("species/s2/model.onnx", colour_classifier(paint))
    summary = with_then(reef).with_settings(taxa=taxa).run()
    with open_database(reef.stores.results) as database:
        files = [file["key"] for file in summary.summary["files"] if file["table"] == "detections"]
        found = database.run(
            "SELECT DISTINCT first_class_name, class_name, role, reclassified IS NULL FROM read_parquet(?) ORDER BY 1, 2",
            [[database.uri(key) for key in files]],
        ).fetchall()
    assert {line[:1] + line[2:] for line in found} == {
        ("Coris julis", "human", True),
        ("Diplodus vulgaris", "count", False),
    }


def test_one_fish_that_two_classes_of_the_first_model_found_is_counted_once(reef):
    """Boxes of two classes on one spot: alone two fish, by the name of the second model one."""
    twice = [(100, 100, 60, 40, 0.9, 0.1), (101, 100, 60, 40, 0.1, 0.8)]
    reef.stores.models.write_bytes("twice/v1/model.onnx", constant_model(twice))
    one = {"Diplodus sargus": (0, 0, 0)}
    reef.stores.models.write_bytes("species/s2/model.onnx", colour_classifier(one))
    alone = reef.with_settings(model={"name": "twice", "version": "v1"}).run()
    both = with_then(reef, model={"name": "twice", "version": "v1"}).run()
    images = alone.summary["result"]["examined"]
    assert sum(one["detections"] for one in alone.summary["result"]["species"]) == 2 * images
    assert {one["taxon"]: one["detections"] for one in both.summary["result"]["species"]}["Diplodus sargus"] == images
