"""Each release reads what the earlier ones wrote: a results folder, frozen when it was written, under today's code.

`fixtures/format-1` is what version 0.1.0 left in its three buckets: a complete run over five images (one of them empty), then
two new images, a second plan and its part, and no summary of it: a run in flight while Shoal was upgraded. Never change it;
a new format gets a folder of its own beside it.
"""

from pathlib import Path

import pytest

from pipeline import Pipeline
from shoal.results.answer import read_current
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import open_stores

FOLDER = Path(__file__).parents[2] / "fixtures/format-1"
COMPLETE, IN_FLIGHT = "20261125T183419Z-dmgquwxh", "20261125T183428Z-1s58exv5"
DIRECTORY = "demo-fish-v1-75d59c02ab51"


@pytest.fixture
def earlier(store):
    """The frozen buckets in a running store, opened with the settings that were frozen in plan.json."""
    client = store.connect()
    for role in ("images", "models", "results"):
        if not client.bucket_exists(f"frozen-{role}"):
            client.make_bucket(f"frozen-{role}")
        for item in client.list_objects(f"frozen-{role}", recursive=True):
            client.remove_object(f"frozen-{role}", item.object_name)
        for path in sorted((FOLDER / role).rglob("*")):
            if path.is_file():
                client.fput_object(f"frozen-{role}", path.relative_to(FOLDER / role).as_posix(), str(path))
    any_store = open_stores(demo_dataset(), lambda _: store)
    plan = any_store.results.read_json(any_store.layout.variant(DIRECTORY).run(IN_FLIGHT).plan)
    dataset = Dataset.model_validate(plan["settings"])
    return Pipeline(dataset, open_stores(dataset, lambda _: store))


def demo_dataset():
    place = {
        role: {"conn_id": "test", "bucket": f"frozen-{name}"}
        for role, name in (("source", "images"), ("results", "results"), ("models", "models"))
    }
    return Dataset.model_validate({"name": "frozen", **place, "model": {"name": "demo-fish"}})


def summarize(pipeline, run_key):
    from shoal.summary.summarize import summarize_run

    return summarize_run(pipeline.stores, pipeline.stores.layout.variant(DIRECTORY), run_key)


def test_the_next_plan_reuses_rows_of_ledgers_and_of_parts(earlier):
    plan = earlier.plan()
    assert (plan.listed, plan.reused, plan.work.images) == (7, 7, 0)
    assert plan.variant.directory == DIRECTORY, "the same model and settings are still the same variant"


def test_a_run_that_was_in_flight_during_the_upgrade_is_summarized(earlier):
    done = summarize(earlier, IN_FLIGHT)
    assert done.balance.to_json() | {"listed": 7, "reused": 5, "processed": 2} == done.balance.to_json()
    assert done.summary["complete"] is True
    assert done.not_current_because is None
    assert read_current(earlier.stores.results, earlier.stores.layout)["run_key"] == IN_FLIGHT


def test_the_numbers_of_an_earlier_summary_are_those_of_today(earlier):
    run = earlier.stores.layout.variant(DIRECTORY).run(COMPLETE)
    then = earlier.stores.results.read_json(run.summary)["result"]
    now = summarize(earlier, COMPLETE).summary["result"]
    for name in ("examined", "balance", "failed_by_reason", "species", "series", "counts_sha256"):
        assert now[name] == then[name], name


def test_a_shard_of_an_earlier_plan_is_continued(earlier):
    """A worker is killed during the upgrade: what its part lacks is found by the next attempt."""
    from shoal.shards.remaining import write_remaining
    from shoal.tables.session import open_database

    layout = earlier.stores.layout.variant(DIRECTORY)
    earlier.stores.results.delete(earlier.stores.results.list_keys(layout.parts))
    with open_database(earlier.stores.results) as database:
        assert write_remaining(database, layout, IN_FLIGHT, 0, "abcd1234") == 2


def test_a_plan_of_a_later_release_is_summarized_after_a_rollback(earlier):
    """Fields that this release does not know are ignored, at the top and in the settings."""
    results, run = earlier.stores.results, earlier.stores.layout.variant(DIRECTORY).run(IN_FLIGHT)
    plan = results.read_json(run.plan)
    plan |= {
        "later": {"field": 1},
        "settings": {**plan["settings"], "later": 1, "run": {**plan["settings"]["run"], "later": 1}},
    }
    results.write_json(run.plan, plan)
    assert summarize(earlier, IN_FLIGHT).summary["complete"] is True
