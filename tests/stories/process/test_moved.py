"""A dataset file whose source, results or name was changed although rows are stored: what a plan says and asks, from the bucket."""

from dataclasses import replace

import pytest

from pipeline import Pipeline, numbers
from shoal.contract.errors import ConfigError, EmptyBucketError
from shoal.contract.layout import DatasetLayout
from shoal.models.approval import Answer, Asks, Decision, answer_to, need_answer, write_answer
from shoal.plan.moved import look_back
from shoal.results.answer import move_current, read_current
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import open_stores
from shoal.settings.results_place import ResultsPlace

ASKED = {"run": {"approval_cpu_hours": 0}}


def publish(pipeline):
    """Make a plan the dataset's answer, as a run over all its images that is complete."""
    plan = pipeline.plan()
    stored = StoredPlan.parse(plan.to_json())
    results, layout = pipeline.stores.results, pipeline.stores.layout
    assert move_current(results, layout, stored, complete=True, result_sha256="0" * 64).not_because is None
    return plan


def over(pipeline, **settings):
    """The dataset with a changed file, over the stores that it then has."""
    dataset = Dataset.model_validate({**pipeline.dataset.model_dump(mode="json"), **settings})
    layout = DatasetLayout(dataset.results.prefix, dataset.name)
    return Pipeline(dataset, replace(pipeline.stores, layout=layout))


def answered(pipeline, plan, at):
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    write_answer(pipeline.stores.results, layout, StoredPlan.parse(plan.to_json()), Answer(yes=True, by="ana", at=at))
    return layout


def said(plan):
    return "\n".join(plan.describe())


def source(pipeline, **changed):
    return {"source": {**pipeline.dataset.source.model_dump(mode="json"), **changed}}


def test_a_file_that_was_not_changed_says_nothing(few_images):
    before = publish(few_images)
    plan = few_images.plan()
    assert "changed since" not in said(plan)
    assert look_back(few_images.stores, few_images.dataset).describe() == []
    assert before.approval.decision is Decision.NOT_NEEDED


@pytest.mark.parametrize(("asks", "decision"), [(Asks.AGAIN, Decision.ASK), (Asks.NEVER, Decision.WAITS)])
def test_another_source_is_asked_for_though_the_answer_is_of_this_variant(few_images, asks, decision):
    first = publish(few_images)
    few_images.put("more/20260601-000000-CAM1.jpg", b"no image")
    moved = over(few_images, **source(few_images, prefix="more/"), **ASKED)
    plan = moved.plan(asks=asks)
    assert (
        f"changed since run {first.run_key}: source.prefix none -> more/; rows are of one object each, so 1 image will be "
        "inferred again"
    ) in said(plan)
    assert plan.approval.decision is decision
    assert bool(plan.work.shards) is (decision is Decision.ASK)


def test_a_yes_to_another_source_is_none_to_this_one(few_images):
    first = publish(few_images)
    layout = answered(few_images, first, "2026-11-01T10:00:00Z")
    few_images.put("more/20260601-000000-CAM1.jpg", b"no image")
    moved = over(few_images, **source(few_images, prefix="more/"), **ASKED)
    plan = moved.plan()
    stored = StoredPlan.parse(plan.to_json())
    assert plan.approval.decision is Decision.ASK
    assert answer_to(stored, moved.stores.results, layout) is None
    with pytest.raises(ConfigError, match="and nobody said yes: a task that is marked success is no answer"):
        need_answer(moved.stores.results, layout, stored)
    answered(moved, plan, "2026-11-02T10:00:00Z")
    need_answer(moved.stores.results, layout, stored)
    assert moved.plan().approval.decision is Decision.APPROVED


def test_other_results_mean_that_everything_is_inferred_again(few_images):
    publish(few_images)
    before = ResultsPlace.of(few_images.dataset)
    moved = over(few_images, results={**few_images.dataset.results.model_dump(mode="json"), "prefix": "new/"}, **ASKED)
    found = look_back(moved.stores, moved.dataset, before)
    [line] = found.describe()
    assert line == (
        f"results changed since this dataset's last run: {before} -> {ResultsPlace.of(moved.dataset)}, where nothing of it lies: "
        "every image will be inferred again - set results back, or copy the old folder there first (docs/operations.md)"
    )
    assert moved.plan().approval.decision is Decision.ASK


def looks_at(pipeline, **changed):
    """The dataset with another source in its file, and the bucket that it then has."""
    edited = over(pipeline, **source(pipeline, **changed))
    access = pipeline.stores.source.access
    return Pipeline(edited.dataset, open_stores(edited.dataset, lambda _: access))


NOTHING_THERE = [
    pytest.param({"bucket": "-empty"}, True, "nothing lies there", id="an empty bucket"),
    pytest.param({"bucket": "-empty"}, False, "nothing lies there", id="an empty bucket before the first answer"),
    pytest.param({"bucket": "-others"}, True, "1 objects do not end in", id="a bucket of other files"),
    pytest.param({"bucket": "-typo"}, True, "No bucket '", id="no bucket"),
    pytest.param({"prefix": "camX/"}, True, "nothing lies there", id="an empty prefix"),
]


@pytest.mark.parametrize(("changed", "has_answer", "found"), NOTHING_THERE)
def test_where_nothing_lies_the_edit_is_named_and_the_answer_stays(few_images, changed, has_answer, found):
    first = publish(few_images) if has_answer else few_images.plan()
    stores, before = few_images.stores, read_current(few_images.stores.results, few_images.stores.layout)
    bucket = stores.source.bucket
    if suffix := changed.get("bucket"):
        changed = {"bucket": f"{bucket}{suffix}"}
    edited = looks_at(few_images, **changed)
    if suffix in {"-empty", "-others"}:
        stores.source.access.connect().make_bucket(changed["bucket"])
    if suffix == "-others":
        edited.put("film.mp4", b"no image")
    [(field, now)] = changed.items()
    was = bucket if field == "bucket" else "none"
    with pytest.raises(ConfigError) as refused:
        edited.plan()
    assert found in str(refused.value)
    assert str(refused.value).endswith(
        f"; the dataset file named other images before (source.{field} {was} -> {now}): nothing was started, what run "
        f"{first.run_key} stored of its 12 images stays - set it back, or make a dataset of its own for other images"
    )
    assert read_current(stores.results, stores.layout) == before


def test_a_month_without_images_names_the_edit_too(few_images):
    first = publish(few_images)
    few_images.put("more/20260601-000000-CAM1.jpg", b"no image")
    moved = over(few_images, **source(few_images, prefix="more/"))
    month = {"window_start": "2001-01-01T00:00:00Z", "window_end": "2001-02-01T00:00:00Z"}
    lines = moved.plan(**month).describe()
    assert any(line.startswith("No image lies in the window") for line in lines)
    assert any(line.startswith(f"changed since run {first.run_key}: source.prefix none -> more/; ") for line in lines)


def test_a_bucket_that_was_emptied_says_what_was_there(few_images):
    first = publish(few_images)
    source = few_images.stores.source
    source.delete(list(source.list_keys("")))
    with pytest.raises(EmptyBucketError) as refused:
        few_images.plan()
    assert str(refused.value).endswith(
        f"nothing lies there - check source.bucket and source.prefix; run {first.run_key} listed 12 images there: nothing was "
        "started, what it stored stays - where they were removed on purpose, pause the DAG"
    )
    with pytest.raises(
        EmptyBucketError, match=r"nothing lies in the whole dataset - check source.bucket and source.prefix$"
    ):
        few_images.plan(prefix="IPC608/")


def test_a_folder_that_was_copied_to_the_new_place_is_found_there(few_images):
    publish(few_images)
    results, old = few_images.stores.results, few_images.stores.layout.root
    for key in results.list_keys(old):
        results.write_bytes(f"new/{key}", results.read_bytes(key))
    moved = over(few_images, results={**few_images.dataset.results.model_dump(mode="json"), "prefix": "new/"})
    assert look_back(moved.stores, moved.dataset, ResultsPlace.of(few_images.dataset)).describe() == []


@pytest.mark.parametrize("has_answer", [True, False], ids=["with an answer", "before its first answer"])
def test_a_new_name_is_told_what_the_old_one_has(few_images, has_answer):
    publish(few_images) if has_answer else few_images.plan()
    few_images.stores.results.write_bytes("odd/current.json", b'{"format_version": 2, "variant": []}')
    renamed = over(few_images, name="renamed")
    old = few_images.dataset.name
    [line] = look_back(renamed.stores, renamed.dataset).describe()
    assert line == (
        f"dataset {old} has rows of the same images and no dataset file beside this one: under this name 12 images will be inferred "
        "again - if it was renamed, copy its folder to the new name first (docs/operations.md); if it lies in another folder, bundle "
        "or Airflow, both go on, or use its name"
    )
    assert look_back(renamed.stores, renamed.dataset, neighbours=[old]).describe() == [], "two datasets of one bucket"


def test_a_folder_that_was_copied_to_a_new_name_is_reused_as_the_page_of_operations_says(few_images):
    done = few_images.run()
    results, old = few_images.stores.results, few_images.stores.layout.root
    for key in results.list_keys(old):
        results.write_bytes(key.replace(old, "renamed/", 1), results.read_bytes(key))
    renamed = over(few_images, name="renamed")
    assert renamed.verify(done.summary["run"]["run_key"], done.key.split("/")[1]).deviations == (), "old runs, too"
    plan = renamed.plan()
    assert (plan.reused, plan.work.images, plan.approval.decision) == (12, 0, Decision.NOT_NEEDED)
    again = renamed.summarize(plan)
    assert numbers(again.summary) == numbers(done.summary)
    assert again.not_current_because is None
