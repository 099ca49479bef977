"""What Airflow's attempts make of images that end their worker: rounds, progress, blame (stories/tiers/test_poison.py has the rest)."""

import sys
from contextlib import suppress

import pytest

from pipeline import make_pipeline
from shard_attempts import airflow_connection, attempt
from shoal.contract.errors import WorkerCrashError
from shoal.contract.rows import Reason
from shoal.models import trial
from worker.hostile_pictures import empty_scans
from worker.images import dark_jpeg, white_jpeg
from worker.onnx_models import constant_model, crash_on_white


@pytest.fixture
def pipelines(store, tmp_path, monkeypatch):
    """Makes datasets whose model crashes on white images; one shard, and Airflow knows the store."""
    monkeypatch.setenv("AIRFLOW_CONN_TEST", airflow_connection(store))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))

    def make(images, model=None, **settings):
        cluster = {"share": 1.0, "max_pods": 1}
        models = {"v1": model or crash_on_white(), "v2": constant_model()}
        pipeline = make_pipeline(store, models, tmp_path, cluster=cluster, **settings)
        for key, data in images.items():
            pipeline.put(key, data)
        return pipeline

    return make


def key(number):
    return f"20260601-{number // 60:02}{number % 60:02}00-IPC608.jpg"


def images(count, white=()):
    return {
        key(n): white_jpeg() + str(n).encode() if n in white else dark_jpeg(n % 9) + str(n).encode()
        for n in range(count)
    }


def failures(pipeline, done):
    return {row_key: row["reason"] for row_key, row in pipeline.rows(done).items() if row["status"] == "failed"}


def infer(pipeline, plan):
    """The first attempt crashes, the second one does the shard."""
    with pytest.raises(WorkerCrashError, match=r"Worker of shard 0 was killed by SIGFPE"):
        attempt(pipeline, plan)
    attempt(pipeline, plan, try_number=2)


def test_the_rows_of_poison_images_are_theirs_and_hold_when_verified(pipelines):
    white = (5, 6, 20)
    pipeline = pipelines(images(40, white))
    plan = pipeline.plan()
    infer(pipeline, plan)
    done = pipeline.summarize(plan)
    assert failures(pipeline, done) == {key(n): "killed_worker" for n in white}
    assert pipeline.verify(plan.run_key, plan.variant.directory).deviations == ()
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    assert pipeline.stores.results.list_keys(layout.run(plan.run_key).tries) == []


IMPATIENT = """
from shoal_worker import underway

underway.HEADER_S, underway.SECONDS_PER_MEGAPIXEL, underway.CLOCK_SHARE = 0.3, 0.0, 1000.0
"""


@pytest.fixture
def impatient_workers(tmp_path, monkeypatch):
    """Workers that wait for a decode as long as a test does: a real one waits for minutes."""
    (tmp_path / "sitecustomize.py").write_text(IMPATIENT)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}:$PYTHONPATH" exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


def test_an_image_that_is_never_decoded_costs_itself_only_and_says_how(pipelines, impatient_workers):
    slow = key(3)
    pipeline = pipelines({**images(12), slow: empty_scans(8000, 99)})
    plan = pipeline.plan()
    attempt(pipeline, plan)  # the shard goes on within one attempt: the first worker had written the others' rows
    done = pipeline.summarize(plan)
    assert done.balance.fates["processed"] == 11
    assert failures(pipeline, done) == {slow: "killed_worker"}
    assert pipeline.rows(done)[slow]["detail"] == "Decoding took more than 0.3 s of CPU"
    results, run = pipeline.stores.results, pipeline.stores.layout.variant(plan.variant.directory).run(plan.run_key)
    notes = [results.find_json(name)["how"] for name in results.list_keys(run.crashes(0))]
    assert len(notes) == 2
    for how in notes:
        assert how.startswith(
            f"Worker of shard 0 gave up: Decoding took more than 0.3 s of CPU: '{slow}' (1,122 bytes) - "
        )


def test_a_poison_image_stays_one_until_another_model_looks_at_it(pipelines):
    pipeline = pipelines(images(4, white=(1,)))
    plan = pipeline.plan()
    infer(pipeline, plan)
    first = pipeline.summarize(plan)
    assert pipeline.plan().work.images == 0
    again = pipeline.plan(retry_failed=[Reason.KILLED_WORKER])
    assert again.work.images == 1
    infer(pipeline, again)
    done = pipeline.summarize(again)
    assert failures(pipeline, done) == {key(1): "killed_worker"}
    assert done.summary["result_sha256"] == first.summary["result_sha256"]
    # Another model does not crash on it: a failure belongs to the variant.
    assert pipeline.run(model_version="v2").balance.fates["processed"] == 4


def test_poison_images_far_from_each_other_are_all_found_in_one_run(pipelines):
    """Each crashes a worker that goes on as ever, then one that is careful: the parts between count as progress."""
    white = (30, 60)
    pipeline = pipelines(images(80, white))
    plan = pipeline.plan()
    shorten_part_interval(pipeline, plan)
    for try_number in (1, 2, 3):
        with suppress(WorkerCrashError):
            attempt(pipeline, plan, try_number)
    done = pipeline.summarize(plan)
    assert failures(pipeline, done) == {key(n): "killed_worker" for n in white}
    assert done.balance.complete


def shorten_part_interval(pipeline, plan):
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    written = pipeline.stores.results.read_json(layout.run(plan.run_key).plan)
    written["job"]["part_interval_s"] = 0.05
    pipeline.stores.results.write_json(layout.run(plan.run_key).plan, written)


def test_a_task_attempt_starts_no_more_workers_than_it_may(pipelines, monkeypatch):
    """What they found is kept: Airflow's next attempt goes on behind it."""
    monkeypatch.setattr("shoal.shards.attempt.MOST_ROUNDS", 1)
    pipeline = pipelines(images(6, white=(1, 2)))
    plan = pipeline.plan()
    for try_number in (1, 2, 3):
        with pytest.raises(WorkerCrashError):
            attempt(pipeline, plan, try_number)
    attempt(pipeline, plan, try_number=4)
    done = pipeline.summarize(plan)
    assert failures(pipeline, done) == {key(1): "killed_worker", key(2): "killed_worker"}


def test_a_model_that_crashes_on_every_image_blames_none(pipelines, monkeypatch):
    """As one does on a node whose processor is another one than that of the plan, which would refuse it."""
    monkeypatch.setattr(trial, "_ask_worker", lambda _: (0, ""))
    pipeline = pipelines(images(3), model=crash_on_white(always=True))
    plan = pipeline.plan()
    for try_number in (1, 2, 3):
        with pytest.raises(WorkerCrashError):
            attempt(pipeline, plan, try_number)
    done = pipeline.summarize(plan)
    assert done.balance.fates["unsettled"] == 3
    assert done.balance.fates["failed"] == 0
