"""What pages read of a dataset with many runs: little of it twice, whatever is asked for, and no plan is kept."""

import asyncio
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace

import pytest

from pipeline import make_pipeline
from shoal.airflow.pages import answer_door, reading, try_routes
from shoal.airflow.pages.frame import render
from shoal.airflow.pages.run_place import Place
from shoal.contract.errors import NoAnswerError
from shoal.contract.progress_note import ProgressNote
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary

RUNS = 2 * reading.RUNS_A_PAGE + 10


class Counting:
    """The store, and how often it was asked for an object of JSON."""

    def __init__(self, store):
        self._store, self.asked = store, 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    def find_json(self, key):
        self.asked += 1
        return self._store.find_json(key)


@pytest.fixture(scope="module")
def many(store, demo_models, scenes, tmp_path_factory):
    """A dataset with a run under way and many before it that left images; the oldest looked at a month."""
    pipeline = make_pipeline(store, {"v1": demo_models["v1"]}, tmp_path_factory.mktemp("many"))
    pipeline.put_scenes(scenes[:1])
    plan = pipeline.plan()
    results, layout = pipeline.stores.results, pipeline.stores.layout.variant(plan.variant.directory)
    stored = results.read_json(layout.run(plan.run_key).plan)
    month = {"window_start": "2026-05-01T00:00:00Z", "window_end": "2026-06-01T00:00:00Z"}
    for number in range(RUNS):
        run_key = f"20260601T{number // 60:02}{number % 60:02}00Z-abcd1234"
        by = stored["dag_run"] | {"run_id": f"manual__{number}"}
        scope = stored["scope"] | (month if number == 0 else {})
        results.write_json(layout.run(run_key).plan, stored | {"run_key": run_key, "dag_run": by, "scope": scope})
    return pipeline, plan


@pytest.fixture
def counted(many, monkeypatch):
    """The store that pages read of this dataset; what is asked here is no matter of time."""
    pipeline, _ = many
    results = Counting(pipeline.stores.results)
    place = Place(results, pipeline.stores.layout, replace(pipeline.stores, results=results), pipeline.dataset)
    monkeypatch.setattr(reading, "find_home", lambda _: (place, ""))
    monkeypatch.setattr(reading, "find_run", lambda *_: (place, None))
    monkeypatch.setattr(reading.KEPT, "_deadline_s", 120)
    monkeypatch.setattr(reading, "MONTHS_S", 120)
    return results


def test_a_dag_run_that_nobody_made_costs_little_however_often_it_is_asked_for(many, counted):
    dag_id = f"reanalyse_{many[0].dataset.name}"
    assert asyncio.run(reading.find_of_dag_run(dag_id, "made up")) == reading.NoRun(RUNS + 1, RUNS + 1)
    assert counted.asked > RUNS
    counted.asked = 0
    for number in range(3):
        found = asyncio.run(reading.find_of_dag_run(dag_id, f"made up {number}"))
        assert isinstance(found, reading.NoRun)
    _, run_key = asyncio.run(reading.find_of_dag_run(dag_id, "manual__0"))
    assert run_key == "20260601T000000Z-abcd1234"
    assert counted.asked <= 4 * 2 * reading.RUNS_A_PAGE < 4 * RUNS, "those of the newest alone"


def test_a_dag_run_that_is_none_of_the_newest_is_not_said_to_have_planned_nothing(many, counted, monkeypatch):
    monkeypatch.setattr(reading, "MOST_LOOKED", 50)
    monkeypatch.setattr(reading.KEPT, "_entries", OrderedDict())
    name = many[0].dataset.name
    found = asyncio.run(reading.find_of_dag_run(f"reanalyse_{name}", "manual__0"))
    assert found == reading.NoRun(50, RUNS + 1)
    page = render("no_plan.html", run_id="manual__0", name=name, found=found, title="", way=())
    assert f"planned none of the newest 50 runs of {name}, which has {RUNS + 1}" in page
    assert "has planned nothing yet" not in page


def test_who_has_gone_is_not_asked_for_where_it_has_not_begun(monkeypatch):
    threads, may_end, done = ThreadPoolExecutor(1), threading.Event(), []
    monkeypatch.setattr(answer_door, "_threads", lambda: threads)
    threads.submit(may_end.wait, 60)
    with pytest.raises(NoAnswerError, match=r"It was not read within 0\.01 s - too many ask at once"):
        asyncio.run(answer_door.in_thread(lambda: done.append("asked"), "It", 0.01))
    may_end.set()
    threads.shutdown()
    assert done == []


def test_months_are_those_of_all_runs_not_of_the_few_that_a_page_shows(many, counted):
    name = many[0].dataset.name
    shown = asyncio.run(reading.see_runs(name, "")).value
    assert (len(shown.digests), shown.digests[-1].month, shown.older is None) == (reading.RUNS_A_PAGE, None, False)
    months = asyncio.run(reading.see_months(name))
    assert {month: run.run_key for month, run in months.newest.items()} == {"2026-05": "20260601T000000Z-abcd1234"}
    assert months.missing == ""


def test_what_is_kept_for_all_who_look_holds_no_plan_and_no_summary(many, counted, monkeypatch):
    pipeline, plan = many
    dag_id = f"reanalyse_{pipeline.dataset.name}"
    kept = [
        asyncio.run(reading.see_run_now(dag_id, plan.variant.directory, plan.run_key)).value,
        asyncio.run(reading.see_dataset(pipeline.dataset.name)).value,
    ]
    assert kept[0].run_key == kept[1].overview.latest.run_key == plan.run_key
    assert kept[1].overview.short == "infer 0% · ETA unknown"
    place = Place(pipeline.stores.results, pipeline.stores.layout, pipeline.stores, pipeline.dataset)
    run = place.layout.variant(plan.variant.directory).run(plan.run_key)
    monkeypatch.setattr(try_routes, "find_run", lambda *_: (place, run))
    asyncio.run(try_routes.see_plan(dag_id, plan.variant.directory, plan.run_key))
    kept += [entry.seen.value for entry in reading.KEPT._entries.values() if entry.seen]
    assert not [type(one).__name__ for one in inside(kept) if isinstance(one, StoredPlan | StoredSummary)]
    assert answer_door.RUNS._most < 50, "these are kept apart, a few of them"


def test_a_shard_that_stands_still_is_named_with_how_long_it_waits_for_images_and_no_end_is_told(many, counted):
    pipeline, plan = many
    run = pipeline.stores.layout.variant(plan.variant.directory).run(plan.run_key)
    [shard] = plan.work.shards
    note = ProgressNote(
        shard.shard, shard.images, 0, 0, 0.0, 900.0, "2026-06-01T00:00:00Z", "2026-06-01T00:02:00Z", "node-7",
        waits_for_store=0.97,
    )  # fmt: skip
    pipeline.stores.results.write_json(run.shard_progress(shard.shard, "abcd1234"), note.to_json())
    seen = asyncio.run(reading.see_run_now(f"backfill_{pipeline.dataset.name}", plan.variant.directory, plan.run_key))
    page = render("run_now.html", run=seen.value, trouble="", read_at=seen.read_at, was_live=True)
    assert (
        "0 of 1 done · 0 failed · 1 left · 0.0 images/s · ETA unknown: 1 shard stands still · "
        '<span class="warn">1 shard waits for the image store</span></div>'
    ) in page
    assert '<td data-label="Waits for images" class="n">97%</td>' in page
    assert '<span class="warn">standing still</span>' in page
    assert "node-7" in page


def inside(value):
    yield value
    if is_dataclass(value):
        value = [getattr(value, field.name) for field in fields(value)]
    elif isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        for one in value:
            yield from inside(one)
