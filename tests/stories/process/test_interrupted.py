"""Two at once, too late, killed amid the last steps: nothing is lost, nothing is counted twice, on every store."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import sleep

import pytest

from pipeline import Pipeline, make_pipeline, run_worker, worker_command, worker_environment
from reached_through import held_back
from shoal.contract.exit_codes import WorkerExit
from shoal.results.answer import read_current
from shoal.settings.dataset_stores import open_stores
from shoal.shards.remaining import write_remaining
from shoal.tables.session import open_database
from summary_apart import summarize_apart
from worker.http_faults import faulty_store, passed_on

IMAGES = 40


KINDS = {"minio": "minio", "rclone": "store"} if os.environ.get("SHOAL_WIDE") else {"minio": "minio"}
"""Fixtures by the kind of their store; one that embedded installations have, too, takes minutes more: make test-wide."""


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def any_store(request):
    """Each kind of store in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def pipeline(any_store, demo_models, scenes, tmp_path):
    """One shard of forty images."""
    made = make_pipeline(any_store, demo_models, tmp_path, cluster={"share": 1.0, "max_pods": 1})
    made.put_scenes(scenes[:IMAGES])
    return made


def layout_of(pipeline, plan):
    return pipeline.stores.layout.variant(plan.variant.directory)


def parts_of(pipeline, plan):
    return pipeline.stores.results.list_keys(layout_of(pipeline, plan).parts)


def stop_early(pipeline, plan):
    """A worker that is told to stop when it has begun; returns how many images it did."""
    with held_back(pipeline, given=10) as held:
        process = subprocess.Popen(
            worker_command(held.stores, plan, 0, progress_interval_s=0.05),
            env=worker_environment(held.stores), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        while "shard 0: 0/" in (line := process.stdout.readline()):
            pass
        process.terminate()
        process.stdout.read()
        assert process.wait(timeout=60) == WorkerExit.STOPPED, line
    with open_database(pipeline.stores.results) as database:
        database.view_rows(parts_of(pipeline, plan))
        return int(database.value("SELECT count(*) FROM rows"))


def remaining(pipeline, plan, attempt):
    """What the operator does before every attempt but the first."""
    with open_database(pipeline.stores.results) as database:
        return write_remaining(database, layout_of(pipeline, plan), plan.run_key, 0, attempt)


def finish(pipeline, plan, attempt="later000"):
    """Do what is left of the shard, as a cleared task would."""
    manifest = layout_of(pipeline, plan).run(plan.run_key).remaining(0, attempt)
    command = worker_command(pipeline.stores, plan, 0, manifest=manifest)
    ended = subprocess.run(
        command, env=worker_environment(pipeline.stores), capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.returncode == WorkerExit.DONE, ended.stderr


def assert_counted_once(pipeline, plan, done):
    assert done.balance.complete
    assert done.balance.fates["processed"] + done.balance.fates["reused"] == IMAGES
    assert pipeline.verify(plan.run_key, plan.variant.directory).deviations == ()
    following = pipeline.run()
    assert following.balance.fates["reused"] == IMAGES
    assert following.summary["result_sha256"] == done.summary["result_sha256"]
    assert pipeline.verify(plan.run_key, plan.variant.directory).deviations == ()
    assert parts_of(pipeline, plan) == []


def test_two_live_workers_on_one_shard_count_once(pipeline):
    plan = pipeline.plan()
    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(lambda _: run_worker(pipeline.stores, plan, 0), range(2)))
    assert [one.returncode for one in ended] == [WorkerExit.DONE] * 2
    assert len(parts_of(pipeline, plan)) == 2
    assert_counted_once(pipeline, plan, pipeline.summarize(plan))


def test_a_shard_cleared_a_day_later_completes_its_run(pipeline):
    plan = pipeline.plan()
    did = stop_early(pipeline, plan)
    partial = pipeline.summarize(plan)
    assert partial.balance.fates["unsettled"] == IMAGES - did
    assert remaining(pipeline, plan, "later000") == IMAGES - did
    finish(pipeline, plan)
    assert_counted_once(pipeline, plan, pipeline.summarize(plan))


def test_a_shard_cleared_after_the_next_run_has_nothing_to_do(pipeline):
    plan = pipeline.plan()
    stop_early(pipeline, plan)
    partial = pipeline.summarize(plan)
    following = pipeline.run()
    assert following.balance.complete
    assert remaining(pipeline, plan, "later000") == 0
    again = pipeline.summarize(plan)
    assert again.summary["result_sha256"] == partial.summary["result_sha256"]
    assert pipeline.verify(plan.run_key, plan.variant.directory).deviations == ()


def test_a_part_of_rows_that_are_in_a_ledger_already_counts_nothing_twice(pipeline):
    """The PUT of a part that was given up, tried again, and reached the store a day later all the same."""
    plan = pipeline.plan()
    pipeline.infer(plan)
    [part] = parts_of(pipeline, plan)
    late = pipeline.stores.results.read_bytes(part)
    done = pipeline.summarize(plan)
    pipeline.stores.results.write_bytes(part, late)
    assert pipeline.verify(plan.run_key, plan.variant.directory).deviations == ()
    assert_counted_once(pipeline, plan, done)


def test_a_part_that_arrives_while_the_run_is_summarized_is_the_next_run_s(pipeline):
    plan = pipeline.plan()
    did = stop_early(pipeline, plan)
    remaining(pipeline, plan, "later000")
    pipeline.summarize(plan)
    finish(pipeline, plan)  # its worker went on unseen
    following = pipeline.plan()
    assert (following.work.images, following.reused) == (0, IMAGES)
    done = pipeline.summarize(following)
    assert done.balance.fates["reused"] == IMAGES
    assert 0 < did < IMAGES
    assert_counted_once(pipeline, following, done)


def test_an_answer_that_is_held_on_its_way_replaces_no_newer_one(minio, demo_models, scenes, tmp_path):
    """Its process stood still, or its request was sent again for minutes; meanwhile a later run became the answer."""
    pipeline = make_pipeline(minio, demo_models, tmp_path)
    pipeline.put_scenes(scenes[:4])
    older = pipeline.plan()
    pipeline.infer(older)
    sleep(1.1)  # a store tells whole seconds
    pipeline.put_scenes(scenes[4:5])
    newer, published = pipeline.plan(), []
    pipeline.infer(newer)

    def hold(handler, number):
        if handler.command == "PUT" and handler.path.endswith("/current.json") and not published:
            published.append(pipeline.summarize(newer))
        passed_on(minio.endpoint_url)(handler, number)

    with faulty_store(hold) as (endpoint_url, _):
        slow = open_stores(pipeline.dataset, lambda _: replace(minio, endpoint_url=endpoint_url))
        late = Pipeline(pipeline.dataset, slow).summarize(older)
    assert published[0].not_current_because is None
    assert late.not_current_because == f"run {newer.run_key} on a later listing is the answer already"
    assert read_current(pipeline.stores.results, pipeline.stores.layout)["run_key"] == newer.run_key


@pytest.mark.parametrize("moment", ["before", "half-way", "after"])
def test_a_summarize_killed_as_it_deletes_its_parts_loses_nothing(pipeline, any_store, moment, tmp_path):
    """Killed by the store itself, on the request to delete: it has heeded none of it, half of it, or all."""
    plan = pipeline.plan()
    for _ in range(2):
        assert run_worker(pipeline.stores, plan, 0).returncode == WorkerExit.DONE
    parts = parts_of(pipeline, plan)
    assert len(parts) == 2
    process = None

    def kill_on_delete(handler, number):
        deletes = handler.command == "DELETE" or (handler.command == "POST" and handler.path.endswith("?delete="))
        if deletes and moment == "half-way":
            pipeline.stores.results.delete(parts[:1])
        elif deletes and moment == "after":
            pipeline.stores.results.delete(parts)
        if deletes:
            process.send_signal(signal.SIGKILL)
        else:
            passed_on(any_store.endpoint_url)(handler, number)

    with faulty_store(kill_on_delete) as (endpoint_url, _):
        process = summarize_apart(pipeline, plan, tmp_path, endpoint_url)
        _, said = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, said
    layout = layout_of(pipeline, plan)
    assert len(pipeline.stores.results.list_keys(layout.ledgers)) == 1
    assert len(parts_of(pipeline, plan)) == {"before": 2, "half-way": 1, "after": 0}[moment]
    assert pipeline.stores.results.find_json(layout.run(plan.run_key).summary) is None
    assert pipeline.plan().work.images == 0  # another run that plans right now finds every row
    assert_counted_once(pipeline, plan, pipeline.summarize(plan))
