"""Runs whose ledgers were written together since: verified, summarized late, killed meanwhile, copied elsewhere."""

import signal
from datetime import UTC, datetime, timedelta

import pytest

from pipeline import Pipeline, find_test_room
from shoal.contract.errors import StoreError
from shoal.contract.minted_names import mint_run_key
from shoal.history.facts import read_facts
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.results import compaction
from shoal.results.compaction import compact
from shoal.results.ledger import list_ledgers
from shoal.results.run_list import list_runs
from shoal.settings.dataset_stores import open_stores
from shoal.settings.run_form import RunParams
from shoal.shards.attempt import prepare_shard
from summary_apart import summarize_apart
from worker.http_faults import faulty_store, passed_on
from written_rows import write_rows


def layout_of(pipeline, plan):
    return pipeline.stores.layout.variant(plan.variant.directory)


def night(pipeline, scene, number):
    """A new image arrives and is looked at."""
    pipeline.put(f"later/202606{number + 4:02d}-120000-IPC608.jpg", scene.jpeg)
    plan = pipeline.plan()
    write_rows(pipeline, plan)
    return plan, pipeline.summarize(plan)


def let_a_day_pass(pipeline, monkeypatch, days=2):
    clock = pipeline.stores.results.read_clock
    monkeypatch.setattr(pipeline.stores.results, "read_clock", lambda: clock() + timedelta(days=days))


@pytest.fixture
def nights(few_images, scenes, monkeypatch):
    """Three nights, the last of which wrote their ledgers together; of each plan and summary."""
    monkeypatch.setattr(compaction, "CROWD", 3)
    return few_images, [night(few_images, scenes[number], number) for number in range(3)]


def assert_all_hold(pipeline, runs):
    for plan, done in runs:
        found = pipeline.verify(plan.run_key, plan.variant.directory)
        assert (found.deviations, found.result_sha256) == ((), done.summary["result_sha256"])


def test_old_runs_verify_and_the_next_one_reuses_every_row(nights, scenes, monkeypatch):
    pipeline, runs = nights
    layout = layout_of(pipeline, runs[0][0])
    assert runs[2][1].remarks[0].startswith("3 ledgers are one now: ")
    assert_all_hold(pipeline, runs)
    in_flight = pipeline.plan()
    pipeline.put("later/20260608-120000-IPC608.jpg", scenes[7].jpeg)
    let_a_day_pass(pipeline, monkeypatch)
    runs.append(night(pipeline, scenes[5], 5))
    assert runs[3][1].remarks == ("3 ledgers deleted, an earlier compaction holds their rows",)
    assert len(list_ledgers(pipeline.stores.results, layout)) == 2
    late = pipeline.summarize(in_flight)
    assert late.balance.fates["reused"] == late.balance.listed == 15, "and nothing of what came after it"
    assert late.summary["result_sha256"] == runs[2][1].summary["result_sha256"]
    assert_all_hold(pipeline, [*runs, (in_flight, late)])
    following = pipeline.plan()
    assert (following.reused, following.work.images) == (17, 0)
    keys = list_runs(pipeline.stores.results, pipeline.stores.layout)
    assert read_facts(pipeline.stores, runs[0][0].run_key, keys).open.count == 0, "why looks where the rows are now"


@pytest.fixture
def as_ledgers_go(nights, monkeypatch, caplog):
    """The three nights a day later: as soon as somebody has listed the ledgers, a summary elsewhere deletes what was taken."""
    pipeline, runs = nights
    layout, results = layout_of(pipeline, runs[0][0]), pipeline.stores.results
    let_a_day_pass(pipeline, monkeypatch)
    caplog.set_level("INFO", logger="shoal.results.read_again")
    list_keys, gone = results.list_keys, []

    def list_and_lose(prefix):
        found = list_keys(prefix)
        if prefix == layout.ledgers and not gone:
            gone.append(prefix)
            assert len(compact(results, layout, runs[0][0].run_key).deleted) == 3
        return found

    monkeypatch.setattr(results, "list_keys", list_and_lose)
    return pipeline, runs, gone


def assert_read_once_more(caplog, gone):
    assert gone
    (line,) = [record.getMessage() for record in caplog.records if record.name == "shoal.results.read_again"]
    assert line.startswith("Ledger '")
    assert line.endswith(" - listed and read once more")


def test_a_summary_that_listed_ledgers_before_they_went_reads_again_in_place_and_keeps_its_own(
    as_ledgers_go, scenes, caplog
):
    pipeline, runs, gone = as_ledgers_go
    gone.append("not yet")
    pipeline.put("later/20260608-120000-IPC608.jpg", scenes[7].jpeg)
    plan = pipeline.plan()
    write_rows(pipeline, plan)
    gone.clear()
    done = pipeline.summarize(plan)
    assert (done.balance.fates["reused"], done.balance.fates["processed"]) == (15, 1)
    assert done.summary["run"]["ledger"] in pipeline.stores.results.list_keys("")
    assert_read_once_more(caplog, gone)
    assert_all_hold(pipeline, [*runs, (plan, done)])


def test_verify_that_listed_ledgers_before_they_went_reads_again_in_place(as_ledgers_go, caplog):
    pipeline, runs, gone = as_ledgers_go
    assert_all_hold(pipeline, runs)
    assert_read_once_more(caplog, gone)


def test_a_shard_that_is_tried_again_reads_again_in_place(as_ledgers_go, caplog):
    pipeline, runs, gone = as_ledgers_go
    plan = runs[2][0]
    shard = {"shard": 0, "variant": plan.variant.directory, "run_key": plan.run_key}
    assert prepare_shard(pipeline.stores, shard, repeated=True) is None, "nothing is left"
    assert_read_once_more(caplog, gone)


def test_room_is_asked_for_once_and_the_bucket_listed_once_where_ledgers_go_amid_a_plan(
    nights, scenes, monkeypatch, caplog
):
    pipeline, runs = nights
    layout, results = layout_of(pipeline, runs[0][0]), pipeline.stores.results
    let_a_day_pass(pipeline, monkeypatch)
    pipeline.put("later/20260608-120000-IPC608.jpg", scenes[7].jpeg)
    caplog.set_level("INFO", logger="shoal.results.read_again")
    asked, listed, list_pages = [], [], pipeline.stores.source._list_pages

    def find_room():
        asked.append(compact(results, layout, runs[0][0].run_key).deleted)
        return find_test_room(pipeline.dataset)

    def count_pages(*arguments):
        listed.append(arguments)
        return list_pages(*arguments)

    monkeypatch.setattr(pipeline.stores.source, "_list_pages", count_pages)
    request = PlanRequest(
        pipeline.dataset, RunParams(), dag_id="reanalyse_reef", run_id="test", run_key=mint_run_key(datetime.now(UTC))
    )
    plan = make_plan(request, pipeline.stores, find_room)
    assert (plan.reused, plan.work.images, len(plan.ledgers)) == (15, 1, 1)
    assert ([len(deleted) for deleted in asked], len(listed)) == ([3], 1)
    assert_read_once_more(caplog, asked)
    write_rows(pipeline, plan)
    done = pipeline.summarize(plan)
    assert_all_hold(pipeline, [*runs, (plan, done)])


def test_a_summarize_killed_as_it_writes_ledgers_together_has_its_answer_and_loses_nothing(
    few_images, scenes, monkeypatch, store, tmp_path
):
    runs = [night(few_images, scenes[number], number) for number in range(2)]
    few_images.put("later/20260608-120000-IPC608.jpg", scenes[7].jpeg)
    plan = few_images.plan()
    write_rows(few_images, plan)
    process, puts = None, []

    def kill_on_second_ledger(handler, number):
        if handler.command == "PUT" and "/ledger/" in handler.path:
            puts.append(handler.path)
        if len(puts) == 2:
            process.send_signal(signal.SIGKILL)
        else:
            passed_on(store.endpoint_url)(handler, number)

    with faulty_store(kill_on_second_ledger) as (endpoint_url, _):
        process = summarize_apart(few_images, plan, tmp_path, endpoint_url, crowd=3)
        _, said = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, said
    assert len(list_ledgers(few_images.stores.results, layout_of(few_images, plan))) == 3
    assert few_images.verify(plan.run_key, plan.variant.directory).deviations == ()
    monkeypatch.setattr(compaction, "CROWD", 3)
    done = few_images.summarize(few_images.plan())
    assert done.remarks[0].startswith("3 ledgers are one now: "), "the next run ends the work"
    assert done.balance.fates["reused"] == 15
    assert_all_hold(few_images, runs)


@pytest.mark.parametrize(
    ("at", "error"),
    [
        pytest.param("_write", StoreError("the store has no room"), id="the store"),
        pytest.param("_choose", OSError(28, "No space left on device"), id="the disk, early"),
    ],
)
def test_what_fails_meanwhile_leaves_the_answer_and_is_told_of(few_images, scenes, monkeypatch, at, error):
    monkeypatch.setattr(compaction, "CROWD", 2)
    night(few_images, scenes[0], 0)

    def fail(*_):
        raise error

    monkeypatch.setattr(compaction, at, fail)
    _, done = night(few_images, scenes[1], 1)
    assert done.not_current_because is None
    assert done.describe()[-1] == f"The ledgers were not written together, the next run tries again: {error}"


def test_a_copied_folder_finds_its_rows_in_the_copied_ledger(nights, monkeypatch):
    pipeline, runs = nights
    let_a_day_pass(pipeline, monkeypatch)
    compact(pipeline.stores.results, layout_of(pipeline, runs[0][0]), runs[0][0].run_key)
    results, root = pipeline.stores.results, pipeline.stores.layout.root
    moved = pipeline.with_settings(results={**pipeline.dataset.results.model_dump(), "prefix": "elsewhere/"})
    moved = Pipeline(moved.dataset, open_stores(moved.dataset, lambda _: results.access))
    for key in results.list_keys(root):
        results.write_bytes(f"elsewhere/{key}", results.read_bytes(key))
        results.delete([key])
    assert_all_hold(moved, runs)
