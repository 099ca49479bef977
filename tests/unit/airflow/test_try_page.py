"""A picture that is tried costs no more than it may: one at a time, by the very model of the run, within its memory and time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pipeline import make_pipeline
from shoal.airflow.pages import try_page
from shoal.airflow.pages.run_place import Place
from shoal.airflow.pages.try_page import TooManyError, Uploaded, look
from shoal.contract.errors import ConfigError, NoAnswerError
from shoal.models import one_picture
from shoal.models.read_release import fetch_version
from shoal.results.read_plan import read_plan
from shoal.tables.killed_sessions import IN_USE
from worker.colour_classifier import PAINTED, colour_classifier

SPECIES = {
    "Diplodus sargus": PAINTED["Diplodus vulgaris"],
    "Diplodus puntazzo": PAINTED["Diplodus vulgaris"],
    "Coris julis": PAINTED["Coris julis"],
}
"""Two species of one colour, which only their genus is sure of."""


@pytest.fixture(scope="module")
def run(store, demo_models, scenes, tmp_path_factory):
    pipeline = make_pipeline(store, {"v1": demo_models["v1"]}, tmp_path_factory.mktemp("datasets"))
    pipeline.put_scenes(scenes[:1])
    plan = pipeline.plan()
    stored = read_plan(
        pipeline.stores.results, pipeline.stores.layout.variant(plan.variant.directory).run(plan.run_key).plan
    )
    place = Place(pipeline.stores.results, pipeline.stores.layout, pipeline.stores, pipeline.dataset)
    return place, stored, Uploaded("a.jpg", next(one.jpeg for one in scenes if one.fish), "0.25")


def test_a_second_picture_waits_for_nobody(run):
    with try_page._ONE, pytest.raises(TooManyError, match="Somebody else's picture is looked at, one at a time"):
        look(*run)


def test_a_model_that_comes_slowly_keeps_nobody_else_s_picture_waiting(run, monkeypatch):
    place, plan, sent = run
    comes, may_come, folders = threading.Event(), threading.Event(), []

    def slowly(*asked):
        folders.append(asked[2])
        comes.set()
        may_come.wait(60)
        return fetch_version(*asked)

    monkeypatch.setattr(one_picture, "fetch_version", slowly)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(look, *run)
        assert comes.wait(60)
        monkeypatch.setattr(one_picture, "fetch_version", fetch_version)
        assert look(*run).boxes
        assert (folders[0] / IN_USE).exists(), "a folder that is swept where this process is killed"
        may_come.set()
        assert slow.result(60).boxes
    monkeypatch.setattr(try_page, "_MODELS", threading.BoundedSemaphore(1))
    with try_page._MODELS, pytest.raises(TooManyError, match="Models are fetched for 3 other pictures already"):
        look(place, plan, sent)


def test_two_models_and_tiles_look_at_a_picture_as_they_do_in_a_run(run, store, demo_models, scenes, tmp_path):
    pipeline = make_pipeline(store, {"v1": demo_models["v1"]}, tmp_path)
    pipeline.stores.models.write_bytes("species/s1/model.onnx", colour_classifier(SPECIES))
    tile, then = (
        {"size": [480, 480]},
        {"name": "species", "min_conf": 0.65, "classes": ["Diplodus vulgaris", "Coris julis"]},
    )
    reef = pipeline.with_settings(
        model={"name": "demo-fish", "version": "v1", "tile": tile, "then": then},
        taxa={name: {"parent": "Diplodus"} for name in ("Diplodus sargus", "Diplodus puntazzo")},
    )
    scene = max(scenes, key=lambda scene: len(scene.fish))
    reef.put_scenes([scene])
    row = reef.rows(reef.run())[scene.key]
    stored = read_plan(reef.stores.results, next(key for key in reef.stores.results.list_keys(reef.stores.layout.root) if key.endswith("plan.json")))  # fmt: skip
    called = [
        (stored.then.names[second["class_id"]], second["confidence"]) if second and second["class_id"] is not None
        else (stored.names[first["class_id"]], first["confidence"])
        for first, second in zip(row["detections"], row["reclassified"], strict=True) if first["confidence"] >= 0.1
    ]  # fmt: skip
    assert {"Diplodus", "Chromis chromis"} <= {name for name, _ in called}
    place = Place(reef.stores.results, reef.stores.layout, reef.stores, reef.dataset)
    looked = look(place, stored, Uploaded("a.jpg", scene.jpeg, "0.1"))
    assert sorted(box[:2] for box in looked.boxes) == sorted((name, f"{conf:.3f}") for name, conf in called)
    with pytest.raises(
        ConfigError, match="The run used model species s1, and the dataset file names none for its boxes now"
    ):
        look(replace(place, dataset=pipeline.dataset), stored, Uploaded("a.jpg", scene.jpeg, "0.1"))


def test_a_box_is_drawn_with_its_key_points_and_its_angle():
    one = {"class_name": "crab", "class_id": 1, "confidence": 0.5, "xyxy": [36, 20, 84, 60]}
    boxes = [{**one, "xywhr": [60, 40, 50, 10, 0.7]}, {**one, "confidence": 0.9, "keypoints": [[40, 30, 0.9]]}]
    surer, turned = try_page._boxes({"detections": boxes}, ["fish", "crab"])
    assert (surer.conf, surer.keypoints, surer.colour == turned.colour != "") == (0.9, (40, 30, 0.9), True)
    assert (turned.angle, len(turned.keypoints)) == (0.7, 12)


def test_another_file_under_the_name_of_the_version_does_not_look(run):
    place, plan, sent = run
    other = replace(plan, model=replace(plan.model, sha256="0" * 64))
    with pytest.raises(
        ConfigError, match=r"Model demo-fish v1 has another file now \(sha256 [0-9a-f]{12}…\) than the run used"
    ):
        look(place, other, sent)


@pytest.mark.parametrize("name", ["../other", "v1/../../x", "v 1"])
def test_no_plan_decides_what_the_models_bucket_is_asked_for(run, name):
    place, plan, sent = run
    for model in (replace(plan.model, version=name), replace(plan.model, name=name)):
        with pytest.raises(ConfigError, match="the dataset file names demo-fish now - choose a newer run"):
            look(place, replace(plan, model=model), sent)


def test_a_picture_that_takes_too_long_or_too_much_ends_its_own_process_only(run, monkeypatch):
    monkeypatch.setattr(one_picture, "LIMIT_S", 0.05)
    with pytest.raises(NoAnswerError, match="The model took more than 0 s for this picture - take a smaller one"):
        look(*run)
    monkeypatch.undo()
    monkeypatch.setattr(one_picture, "MEMORY_BYTES", 48 * 1024**2)
    with pytest.raises(
        ConfigError, match=r"^The model (and this picture ended|could not look at this picture)"
    ) as caught:
        look(*run)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert look(*run).picture.startswith("data:image/jpeg;base64,")
