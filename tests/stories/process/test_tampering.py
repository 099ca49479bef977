"""Somebody who writes the results bucket edits what is stored, and all that follows from it: verify tells all the same."""

from dataclasses import dataclass
from typing import Any

import pytest

from pipeline import Pipeline, make_pipeline
from shoal.contract.errors import ModelRefusedError
from shoal.contract.rows import ROW_COLUMNS
from shoal.tables.session import open_database

IMAGES = 12


@dataclass(frozen=True)
class Answered:
    """A dataset whose answer is the second of two complete runs."""

    pipeline: Pipeline
    first: Any
    second: Any

    @property
    def layout(self):
        return self.pipeline.stores.layout.variant(self.second.variant.directory)

    def verify(self, images=0):
        from shoal.history.verify import verify_run

        return verify_run(self.pipeline.stores, self.layout, self.second.run_key, images)


@pytest.fixture(scope="module")
def answered(store, demo_models, scenes, tmp_path_factory):
    pipeline = make_pipeline(store, demo_models, tmp_path_factory.mktemp("tampered"))
    daylight = [scene for scene in scenes if "0602-" in scene.key and scene.fish][: IMAGES + 1]
    plans = []
    for some in (daylight[:IMAGES], daylight[IMAGES:]):
        pipeline.put_scenes(some)
        plan = pipeline.plan()
        pipeline.infer(plan)
        assert pipeline.summarize(plan).not_current_because is None
        plans.append(plan)
    return Answered(pipeline, *plans)


@pytest.fixture
def restored(answered):
    """All stored objects are as they were when the test ends, those of the model's version included."""
    stores = answered.pipeline.stores
    kept = {
        bucket: {key: bucket.read_bytes(key) for key in bucket.list_keys("")}
        for bucket in (stores.results, stores.models)
    }
    yield answered
    for bucket, objects in kept.items():
        bucket.delete([key for key in bucket.list_keys("") if key not in objects])
        for key, data in objects.items():
            if bucket.find_bytes(key) != data:
                bucket.write_bytes(key, data)


def edit(answered, key, **changes):
    """Change fields of a stored JSON object, named by their paths with two underscores between."""
    stored = answered.pipeline.stores.results.find_json(key)
    for path, value in changes.items():
        *groups, name = path.split("__")
        inner = stored
        for group in groups:
            inner = inner[group]
        inner[name] = value
    answered.pipeline.stores.results.write_json(key, stored)


def plan_of(answered):
    return answered.layout.run(answered.second.run_key).plan


def count_again(answered):
    """Let all that follows be made of what was edited, nothing taken over of what follows from what was there before."""
    stores = answered.pipeline.stores
    made = [
        key
        for key in stores.results.list_keys(answered.layout.root)
        if "/answer/" in key or key.endswith("/summary.json")
    ]
    stores.results.delete([stores.layout.current, *made])
    assert answered.pipeline.summarize(answered.second).not_current_because is None


def edit_rows(answered):
    """One fish less in each image, in every ledger; then the summary is made of that."""
    results = answered.pipeline.stores.results
    for key in results.list_keys(answered.layout.ledgers):
        with open_database(results) as database:
            database.view_parquet("before", [key], ROW_COLUMNS)
            database.run(
                "CREATE TABLE rows_now AS SELECT * REPLACE (detections[2:] AS detections) FROM before ORDER BY key"
            )
            database.store_parquet("SELECT * FROM rows_now ORDER BY key", key)
    count_again(answered)


def swap_model(answered):
    models = answered.pipeline.stores.models
    job = answered.second.job
    models.write_bytes(job.model_key, models.read_bytes(job.model_key.replace("/v1/", "/v2/")))


def swap_names(answered):
    names = list(answered.second.variant.names)
    edit(answered, plan_of(answered), names=[*names[1:], names[0]])
    count_again(answered)


def edit_settings(answered):
    edit(answered, plan_of(answered), settings__model__iou=0.5)
    count_again(answered)


def edit_job(answered):
    edit(answered, plan_of(answered), job__inference__stored_conf=0.3)


def edit_counts(answered):
    counts = answered.pipeline.stores.results.find_json(plan_of(answered))["counts"]
    edit(answered, plan_of(answered), counts={**counts, "chosen": counts["chosen"] + 1})


def edit_scope(answered):
    edit(answered, plan_of(answered), params__limit=5)


def edit_ignored(answered):
    edit(answered, plan_of(answered), listing__ignored=3)


def edit_variant(answered):
    edit(answered, answered.layout.variant, preimage__iou=0.5)


def delete_variant(answered):
    answered.pipeline.stores.results.delete([answered.layout.variant])


def edit_current(answered):
    edit(answered, answered.pipeline.stores.layout.current, listed_at="2020-01-01T00:00:00Z")


def delete_current(answered):
    answered.pipeline.stores.results.delete([answered.pipeline.stores.layout.current])


TAMPERINGS = [
    pytest.param(swap_model, "has another file now (sha256 ", id="the model's file is another one"),
    pytest.param(
        swap_names, "variant: class 0 of the model is 'Diplodus vulgaris', the plan", id="classes change names"
    ),
    pytest.param(edit_settings, "one of them was edited", id="settings of the plan"),
    pytest.param(edit_job, "were told other stored_conf than", id="what the workers were told"),
    pytest.param(edit_counts, "says 2 images to infer, its manifest has 1", id="counts of the plan"),
    pytest.param(edit_scope, "says full True, its parameters make it False", id="a part is called the whole"),
    pytest.param(edit_ignored, "says ignored 3, ", id="images that were left out"),
    pytest.param(edit_variant, "does not have the sha256 that it says", id="variant.json"),
    pytest.param(delete_variant, "variant: there is no object ", id="variant.json is gone"),
    pytest.param(edit_current, "G3: current.json says listed_at 2020-01-01T00:00:00Z, ", id="current.json"),
    pytest.param(delete_current, "is one that becomes the answer - restore it", id="current.json is gone"),
]


@pytest.mark.parametrize(("tamper", "said"), TAMPERINGS)
def test_what_was_edited_is_named(restored, tamper, said):
    tamper(restored)
    found = restored.verify().deviations
    assert [line for line in found if said in line], found
    assert all(restored.second.run_key in line or "/" in line for line in found if said in line), (
        "it names run or object"
    )


def test_nothing_is_said_of_what_nobody_touched(answered):
    found = answered.verify(images=50)
    assert (found.deviations, found.notes) == (
        (),
        ("recheck: 13 of 13 images have the boxes that the model finds now",),
    )
    assert found.recheck.counts == {"asked": 50, "drawn": 13, "same": 13, "absent": 0}


def test_an_answer_that_was_set_back_is_told_where_it_points(restored):
    pipeline, layout = restored.pipeline, restored.pipeline.stores.layout
    older = pipeline.stores.results.find_json(layout.current)
    older |= {"run_key": restored.first.run_key, "listing": layout.listing(restored.first.run_key)}
    pipeline.stores.results.delete([layout.current])
    assert pipeline.summarize(restored.first).not_current_because is None, (
        "as somebody who clears an old summarize would"
    )
    found = pipeline.verify(restored.first.run_key, restored.first.variant.directory).deviations
    assert [
        line for line in found if f"run {restored.second.run_key}, complete and on a later listing, is there" in line
    ]


def test_rows_that_were_edited_with_all_that_follows_hold_until_the_model_looks_again(restored):
    edit_rows(restored)
    assert restored.verify().deviations == (), "consistent in itself: no sum of what is stored can tell"
    found = restored.verify(images=5)
    assert found.recheck.counts == {"asked": 5, "drawn": 5, "same": 0, "absent": 0}
    assert len(found.deviations) == 5
    assert all("was found, no such one is stored" in line for line in found.deviations)


def test_a_model_that_this_machine_does_not_understand_is_no_edit(answered, monkeypatch):
    def refuse(*_):
        raise ModelRefusedError("family x/1 is not installed here")

    monkeypatch.setattr("shoal.history.verification.identity.read_release", refuse)
    found = answered.verify()
    assert found.deviations == ()
    assert found.notes == (
        "the model is the file that it was, and is not understood here: family x/1 is not installed here",
    )


def test_images_that_are_gone_are_counted_and_no_deviation(restored):
    source = restored.pipeline.stores.source
    kept = {key: source.read_bytes(key) for key in source.list_keys("")[:2]}
    source.delete(list(kept))
    try:
        found = restored.verify(images=13)
    finally:
        for key, data in kept.items():
            source.write_bytes(key, data)
    assert found.deviations == ()
    assert found.recheck.counts == {"asked": 13, "drawn": 13, "same": 11, "absent": 2}
