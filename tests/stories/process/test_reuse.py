"""What a later run does with what an earlier one left: reuse, redo, adopt - and never infer twice."""

import signal
import subprocess
from html import unescape

import pytest

from pipeline import beside_report, run_worker, worker_command, worker_environment
from played_once import play_few
from reached_through import held_back
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.rows import Reason
from shoal.history.facts import read_facts
from shoal.history.why import State, diagnose
from shoal.results.answer import read_current
from shoal.results.ledger import write_ledger
from shoal.results.run_list import list_runs
from shoal.settings.run_form import RunParams
from shoal.shards.remaining import write_remaining
from shoal.tables.session import open_database


@pytest.fixture(scope="module")
def played(demo_models, scenes, tmp_path_factory):
    """A dataset of twelve images that a run has looked at, which is its answer."""
    return play_few(tmp_path_factory.mktemp("answered"), demo_models, scenes, lambda pipeline: pipeline.run())


@pytest.fixture
def first_run(played):
    """What that run came to."""
    return played.told


def fates(done):
    return {fate: count for fate, count in done.balance.fates.items() if count}


def layout_of(pipeline, plan):
    return pipeline.stores.layout.variant(plan.variant.directory)


def test_an_added_image_is_the_only_one_inferred(answered, scenes):
    answered.put("later/20260605-120000-IPC608.jpg", scenes[3].jpeg)
    assert fates(answered.run()) == {"reused": 12, "processed": 1}


def test_an_overwritten_image_is_inferred_again(answered, scenes):
    key = answered.plan(limit=1).listing and next(iter(answered.stores.source.list_keys("")))
    answered.put(key, scenes[0].jpeg)
    assert fates(answered.run()) == {"reused": 11, "processed": 1}


def test_a_removed_image_leaves_the_numbers_and_is_reported(answered, first_run):
    answered.stores.source.delete(answered.stores.source.list_keys("")[:1])
    second = answered.run()
    assert second.summary["run"]["removed_since_previous"] == 1
    assert second.summary["result"]["examined"] == first_run.summary["result"]["examined"] - 1


def test_another_conf_needs_no_inference_and_never_moves_the_answer(answered, first_run):
    plan = answered.plan(conf=0.75)
    assert plan.work.shards == ()
    strict = answered.summarize(plan)
    assert total(strict) < total(first_run)
    current = read_current(answered.stores.results, answered.stores.layout)
    assert current["run_key"] == first_run.summary["run"]["run_key"]


def test_another_time_zone_reaches_old_results_at_once(answered, first_run):
    clock = {**answered.dataset.clock.model_dump(mode="json"), "zone": "Pacific/Auckland"}
    moved = answered.with_settings(clock=clock).run()
    assert fates(moved) == {"reused": 12}
    first_images = [done.summary["result"]["series"][0]["first_image"] for done in (first_run, moved)]
    assert first_images[0] != first_images[1]
    assert total(first_run) == total(moved)


def test_a_changed_dataset_file_moves_the_answer(answered):
    stricter = answered.with_settings(conf=0.75).run()
    current = read_current(answered.stores.results, answered.stores.layout)
    assert current["run_key"] == stricter.summary["run"]["run_key"]


def test_parts_of_a_run_killed_before_summarize_are_adopted(few_images):
    killed = few_images.plan()
    few_images.infer(killed)
    done = few_images.run()
    assert fates(done) == {"reused": 12}
    layout = layout_of(few_images, killed)
    assert few_images.stores.results.list_keys(layout.parts) == []
    assert few_images.verify(done.summary["run"]["run_key"], killed.variant.directory).deviations == ()


def test_a_kill_between_ledger_and_deletion_counts_nothing_twice(few_images):
    plan = few_images.plan()
    few_images.infer(plan)
    layout = layout_of(few_images, plan)
    with open_database(few_images.stores.results) as database:
        write_ledger(database, layout, plan.run_key, few_images.stores.results.list_keys(layout.parts), "killed00")
    done = few_images.summarize(plan)
    assert fates(done) == {"processed": 12}
    assert few_images.verify(plan.run_key, plan.variant.directory).deviations == ()
    assert fates(few_images.run()) == {"reused": 12}


def test_a_part_that_another_summary_took_is_found_in_its_ledger(few_images):
    lost = few_images.plan()
    few_images.infer(lost)
    first, second = few_images.plan(), few_images.plan()
    few_images.summarize(first)
    done = few_images.summarize(second)
    assert fates(done) == {"reused": 12}
    assert done.summary["result_sha256"] == few_images.run().summary["result_sha256"]


def test_summarizing_again_gives_the_same_result(few_images):
    plan = few_images.plan()
    few_images.infer(plan)
    first, again = few_images.summarize(plan), few_images.summarize(plan)
    assert first.summary["result_sha256"] == again.summary["result_sha256"]
    assert first.summary["files"] == again.summary["files"]


def test_a_missing_shard_is_unsettled_and_the_next_run_takes_it(few_images, unhurried):
    # 12 images are not worth two pods; pretend the model is slow.
    few_images = few_images.with_settings(run={"budget": "10s"})
    plan = few_images.plan()
    few_images.infer(plan, shards=[])
    nothing = few_images.summarize(plan)
    assert fates(nothing) == {"unsettled": 12}
    assert "12 of 12 images without a row" in nothing.failure
    assert nothing.not_current_because == "the run is not complete"
    assert beside_report(nothing.summary) == ["failures.csv", "report.html"]
    assert fates(few_images.run()) == {"processed": 12}


def test_a_small_budget_takes_the_newest_images_and_leaves_the_rest(few_images, unhurried):
    hurried = few_images.with_settings(run={"budget": "2s"})
    plan = hurried.plan()
    assert (plan.work.images, plan.pending) == (4, 8)
    hurried.infer(plan)
    part = hurried.summarize(plan)
    assert fates(part) == {"processed": 4, "pending": 8}
    keys = sorted(few_images.stores.source.list_keys(""), key=lambda key: key.rsplit("/", 1)[-1])
    assert set(hurried.rows(part)) == set(keys[-4:])
    assert fates(few_images.run()) == {"reused": 4, "processed": 8}


def test_prefix_and_limit_define_the_scope(few_images):
    by_camera = few_images.run(prefix="IPC608/")
    assert by_camera.balance.listed == len(few_images.stores.source.list_keys("IPC608/"))
    assert by_camera.not_current_because is not None
    assert few_images.plan(limit=3).listed == 3


def test_retry_failed_opens_only_the_named_reasons(few_images):
    few_images.put("IPC608/20260602-030000-IPC608.jpg", b"")
    few_images.put("IPC608/20260602-050000-IPC608.jpg", b"no picture at all")
    first = few_images.run()
    assert fates(first) == {"processed": 12, "failed": 2}
    assert few_images.plan().work.images == 0
    again = few_images.run(retry_failed=[Reason.EMPTY])
    assert fates(again) == {"reused": 13, "failed": 1}
    assert again.summary["result_sha256"] == first.summary["result_sha256"]


def test_a_run_that_goes_on_with_a_retry_reopens_nothing_that_was_retried(few_images):
    for hour in ("03", "05"):
        few_images.put(f"IPC608/20260602-{hour}0000-IPC608.jpg", b"")
    few_images.run()
    asked = RunParams(retry_failed=(Reason.EMPTY,))
    first = few_images.run(**asked.model_dump(exclude_defaults=True))
    few_images.put("IPC608/20260602-070000-IPC608.jpg", b"")
    few_images.run()
    then = asked.going_on_with(first.stored.run_key)
    assert then.going_on_with("20990101T000000Z-abcd1234") == then, "the chain's first run stays the bound"
    assert few_images.plan(**asked.model_dump(exclude_defaults=True)).work.images == 3
    goes_on = few_images.run(**then.model_dump(exclude_defaults=True))
    assert (fates(goes_on), goes_on.left) == ({"reused": 15}, 0)


def test_a_reopened_failure_left_by_the_time_box_is_pending(few_images):
    for hour in ("03", "05"):
        few_images.put(f"IPC608/20260602-{hour}0000-IPC608.jpg", b"")
    few_images.run()
    hurried = few_images.with_settings(run={"budget": "0.01s"})
    done = fates(hurried.run(retry_failed=[Reason.EMPTY]))
    # Where the worker is slow to start, its box is over before the one image that the plan gave it.
    assert done in ({"reused": 12, tried: 1, "pending": 1} for tried in ("failed", "unsettled"))


def test_a_repeated_shard_gets_only_what_is_left(few_images):
    plan = few_images.plan()
    layout = layout_of(few_images, plan)
    with open_database(few_images.stores.results) as database:
        assert write_remaining(database, layout, plan.run_key, 0, "first000") == plan.work.shards[0].images
    few_images.infer(plan)
    with open_database(few_images.stores.results) as database:
        assert write_remaining(database, layout, plan.run_key, 0, "second00") == 0


def test_a_shard_that_waits_writes_no_second_manifest_of_the_same_images(few_images):
    plan = few_images.plan()
    layout, images = layout_of(few_images, plan), plan.work.shards[0].images

    def remaining(attempt, written):
        with open_database(few_images.stores.results) as database:
            write_remaining(database, layout, plan.run_key, 0, attempt, written=written)
        return layout.run(plan.run_key).remaining(0, attempt) in few_images.stores.results.list_keys(layout.runs)

    assert remaining("first000", 0)
    assert not remaining("second00", images)
    assert remaining("third000", images - 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["told to stop", "killed outright"])
def test_a_worker_stopped_in_the_middle_loses_nothing_for_good(empty_bucket, scenes, number):
    empty_bucket.put_scenes(scenes[:60])
    untouched = empty_bucket.plan()
    with held_back(empty_bucket, given=10) as held:
        process = subprocess.Popen(
            worker_command(held.stores, untouched, 0, progress_interval_s=0.1),
            env=worker_environment(held.stores), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert "images/s" in process.stdout.readline()
        process.send_signal(number)
        process.stdout.read()
        assert process.wait(timeout=60) in {WorkerExit.STOPPED, -number}
    done = empty_bucket.run()
    assert done.balance.complete
    assert done.balance.fates["reused"] + done.balance.fates["processed"] == 60
    assert empty_bucket.verify(done.summary["run"]["run_key"], untouched.variant.directory).deviations == ()


def test_an_object_that_changes_during_the_run_is_reported_and_redone(few_images, scenes):
    plan = few_images.plan()
    keys = few_images.stores.source.list_keys("")
    few_images.put(keys[0], scenes[0].jpeg)
    few_images.stores.source.delete([keys[1]])
    few_images.infer(plan)
    done = few_images.summarize(plan)
    assert fates(done) == {"processed": 10, "changed": 1, "gone": 1}
    assert done.balance.complete
    assert fates(few_images.run()) == {"reused": 10, "processed": 1}


CUT_OFF = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
"""The beginning of a JPEG: no known non-image, so it counts as a failure."""


def test_too_many_failures_stop_a_shard_and_are_reported(pipelines):
    pipeline = pipelines(cluster={"share": 1.0, "max_pods": 1})
    for number in range(150):
        pipeline.put(f"IPC608/20260601-{number:06d}-IPC608.jpg", CUT_OFF)
    plan = pipeline.plan()
    ended = run_worker(pipeline.stores, plan, 0)
    assert ended.returncode == WorkerExit.TOO_MANY_FAILED, ended.stdout
    done = pipeline.summarize(plan)
    assert done.balance.fates["failed"] >= 50
    assert done.balance.fates["unsettled"] > 0
    assert done.failure.startswith("Shards [0] stopped: more images failed")


def total(done):
    return sum(entry["detections"] for entry in done.summary["result"]["species"])


def test_a_failure_judged_again_is_this_run_s_own_even_when_an_adopted_part_has_it(few_images):
    few_images.put("IPC608/20260602-030000-IPC608.jpg", b"no picture at all")
    killed = few_images.plan()
    few_images.infer(killed)
    done = few_images.run(retry_failed=[Reason.NOT_IMAGE])
    assert fates(done) == {"reused": 12, "failed": 1}
    assert done.balance.complete


def test_a_part_that_arrives_after_the_summary_is_the_next_run_s(few_images):
    plan = few_images.plan()
    few_images.infer(plan, shards=[])
    few_images.summarize(plan)
    few_images.infer(plan)
    assert few_images.verify(plan.run_key, plan.variant.directory).deviations == ()
    assert fates(few_images.run()) == {"reused": 12}


def test_archived_images_are_counted_and_never_asked_for(few_images, monkeypatch):
    source, archives = few_images.stores.source, {0: "GLACIER", 1: "DEEP_ARCHIVE", 2: "GLACIER_IR", 3: "ARCHIVE"}
    listed, restored = type(source).list_objects, False

    def list_objects(store, prefix="", **asked):
        for number, found in enumerate(listed(store, prefix, **asked)):
            yield found._replace(storage_class=None if restored else archives.get(number, "STANDARD"))

    monkeypatch.setattr(type(source), "list_objects", list_objects)
    plan = few_images.plan()
    assert (plan.reused, plan.work.images, plan.archived, plan.pending) == (0, 10, 2, 0)
    assert any(line.startswith("archived 2 images: restore them") for line in plan.describe())
    few_images.infer(plan)
    done = few_images.summarize(plan)
    assert fates(done) == {"processed": 10, "archived": 2}
    assert done.balance.complete
    assert done.not_current_because is None
    told = "2 of 12 listed images (16.7 %) are archived and in no number: they lie in an archive of the store's: restore them, then run again - "
    html = unescape(few_images.stores.results.read_bytes(done.summary["folder"] + "report.html").decode())
    assert f"<strong>Not all images.</strong> {told}" in html
    assert any(line.startswith(told) for line in done.describe())
    found = diagnose(
        read_facts(few_images.stores, plan.run_key, list_runs(few_images.stores.results, few_images.stores.layout))
    )
    assert (found.state, f"; {told}" in found.cause) == (State.COMPLETE, True)
    assert found.images == ("2 archived: no run can read them before they are restored",)
    restored = True
    assert fates(few_images.run()) == {"reused": 10, "processed": 2}
    restored = False
    assert fates(few_images.run()) == {"reused": 12}
