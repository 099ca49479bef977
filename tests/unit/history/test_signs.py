"""What workers of a run say, read back from a real store: once for all who look, whatever else lies there."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pipeline import make_pipeline
from shoal.cli.why import _lines
from shoal.contract.errors import StoreError
from shoal.contract.minted_names import mint_attempt
from shoal.history.facts import read_facts
from shoal.history.notes import Notes
from shoal.history.seen_run import see_run
from shoal.history.signs import read_progress
from shoal.history.standing import read_standing
from shoal.history.why import State, diagnose
from shoal.results.read_plan import read_plan
from shoal.results.run_list import list_run_folders, list_runs
from shoal.stores.unreached import UnreachedStore
from shoal.tables.session import open_database
from shoal_worker.loop.progress import Progress
from shoal_worker.loop.tally import Tally


@pytest.fixture(scope="module")
def at_work(store, demo_models, scenes, tmp_path_factory):
    """A run whose workers have looked at their images, without a summary."""
    pipeline = make_pipeline(store, {"v1": demo_models["v1"]}, tmp_path_factory.mktemp("signs"))
    pipeline.put_scenes(scenes[:4])
    plan = pipeline.plan()
    pipeline.infer(plan)
    return pipeline, plan


class Counting:
    """The store, and what was asked of it for single objects."""

    def __init__(self, store):
        self._store, self.asked = store, []

    def __getattr__(self, name):
        return getattr(self._store, name)

    def find_json(self, key):
        self.asked.append(key)
        return self._store.find_json(key)


def test_workers_say_how_far_they_are_and_all_commands_tell_it_alike(at_work):
    pipeline, plan = at_work
    stores = pipeline.stores
    facts = read_facts(stores, plan.run_key, list_runs(stores.results, stores.layout))
    seen = see_run(stores, plan.run_key, plan.variant.directory, Notes())
    assert facts.progress is not None
    assert (facts.progress.done, facts.progress.left) == (4, 0)
    told = facts.progress.describe()
    assert told.startswith("4 of 4 images done, 0 of them failed, 0 left; 0.0 images/s, all done; shards: ")
    assert seen.progress.describe() == told
    assert (diagnose(seen).state, diagnose(seen).cause[:44]) == (diagnose(facts).state, diagnose(facts).cause[:44])
    assert diagnose(seen).state is State.RUNNING
    assert f"progress {told}" in "\n".join(_lines("x/y", facts, diagnose(facts).to_json(), []))
    assert f"progress {told}" in "\n".join(read_standing(stores, pipeline.dataset).describe())
    assert list_run_folders(stores.results, stores.layout) == {plan.run_key: plan.variant.directory}


def test_notes_are_read_once_whoever_looks_and_again_where_they_changed(at_work):
    pipeline, plan = at_work
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    results, notes = Counting(pipeline.stores.results), Notes()
    stored, now = read_plan(pipeline.stores.results, layout.run(plan.run_key).plan), datetime.now(UTC)
    for _ in range(3):
        read_progress(results, layout, stored, now, notes=notes)
    keys = pipeline.stores.results.list_keys(layout.run(plan.run_key).progress)
    assert sorted(results.asked) == keys
    results.write_json(keys[0], {**results.find_json(keys[0]), "failed": 1})
    results.asked.clear()
    assert read_progress(results, layout, stored, now, notes=notes).failed == 1
    assert results.asked == keys[:1]


HOSTILE = [b"", b"[]", b'{"format_version": 2}', b'{"format_version": 2, "shard": 0, "images": "x"}', b"[" * 100_000]


def test_what_another_writes_there_changes_nothing(at_work):
    pipeline, plan = at_work
    results, layout = pipeline.stores.results, pipeline.stores.layout.variant(plan.variant.directory)
    run, stored = layout.run(plan.run_key), read_plan(pipeline.stores.results, layout.run(plan.run_key).plan)
    before = read_progress(results, layout, stored, datetime.now(UTC))
    keys = [run.shard_progress(0, mint_attempt()) for _ in HOSTILE] + [f"{run.progress}../x.json", f"{run.progress}99"]
    for key, data in zip(keys, [*HOSTILE, b"{}", b"{}"], strict=True):
        if ".." not in key:
            results.write_bytes(key, data)
    after = read_progress(results, layout, stored, datetime.now(UTC))
    results.delete(key for key in keys if ".." not in key)
    assert (after.done, after.failed, after.images) == (before.done, before.failed, before.images)


def test_a_run_whose_workers_say_nothing_is_told_by_the_rows_in_its_parts(at_work):
    pipeline, plan = at_work
    results, layout = pipeline.stores.results, pipeline.stores.layout.variant(plan.variant.directory)
    stored = read_plan(results, layout.run(plan.run_key).plan)
    said = {key: results.find_bytes(key) for key in results.list_keys(layout.run(plan.run_key).progress)}
    results.delete(said)
    progress = read_progress(results, layout, stored, datetime.now(UTC))
    assert (progress.done, progress.left, progress.eta) == (4, 0, "all done")

    written = {key: results.read_bytes(key) for key in results.list_keys(layout.run_parts(plan.run_key))}
    with open_database(results) as database:
        database.view_rows([*written])
        row = "FROM stored_rows ORDER BY key LIMIT 1"
        for attempt, status in (("aaaaaaaa", "failed"), ("bbbbbbbb", "processed")):
            one = f"SELECT * REPLACE ('{attempt}' AS attempt, '{status}' AS status) {row}"
            database.store_parquet(one, f"{layout.parts}{plan.run_key}-0000-{attempt}-0000.parquet")
    results.delete(written)
    progress = read_progress(results, layout, stored, datetime.now(UTC))
    assert (progress.done, progress.failed, progress.left) == (1, 0, 3), "two attempts have a row of one image"

    results.delete(results.list_keys(layout.run_parts(plan.run_key)))
    for key, data in (said | written).items():
        results.write_bytes(key, data)


def test_a_node_without_a_thread_to_spare_fails_nothing_and_is_told_later(at_work, caplog, monkeypatch):
    results, key = at_work[0].stores.results, "x/progress/0000-abcd1234.json"
    progress, tally = Progress(results, key, {}), Tally(0, 10)
    with monkeypatch.context() as patched:
        patched.setattr("_thread.start_new_thread", _no_thread)
        patched.setattr("threading._start_joinable_thread", _no_thread, raising=False)
        patched.setattr("threading._start_new_thread", _no_thread, raising=False)
        progress.say(tally, 60.0)
    progress.say(tally, 0.0, "done")
    progress.close()
    assert caplog.messages == ["How far the shard is cannot be written, its images go on: can't start new thread"]
    assert results.read_json(key)["ended"] == "done"
    results.delete([key])


def _no_thread(*_args, **_more):
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize(
    ("passed", "images_per_s"),
    [
        pytest.param([(30, 0)], None, id="no image yet"),
        pytest.param([(30, 0), (70, 0)], 0.0, id="no image in the first minute"),
        pytest.param([(20, 80), (40, 160), (60, 160), (80, 160), (101, 160), (121, 160)], 0.0, id="none in the last minute"),
        pytest.param([(90, 1), (120, 1), (170, 1)], round(1 / 170, 4), id="one takes a minute and a half"),
        pytest.param([(20, 80), (40, 100), (60, 120), (80, 140)], 1.0, id="the last minute counts"),
    ],
)  # fmt: skip
def test_the_rate_is_that_of_the_last_minute_and_0_where_nothing_was_done(passed, images_per_s, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("shoal_worker.loop.progress.time", SimpleNamespace(monotonic=lambda: now[0]))
    progress, told = Progress(UnreachedStore("results", StoreError("away")), "x", {}), None
    for second, done in passed:
        now[0] = 1000.0 + second
        told = progress._rate(done)
    assert told == images_per_s


def test_a_store_that_does_not_take_it_fails_nothing(caplog):
    progress = Progress(UnreachedStore("results", StoreError("Bucket is away")), "x/progress/0000-abcd1234.json", {})
    tally = Tally(0, 10)
    for _ in range(3):
        progress.say(tally, 60.0)
    progress.say(tally, 0.0, "done")
    progress.close()
    assert caplog.messages == ["How far the shard is cannot be written, its images go on: Bucket is away"]
