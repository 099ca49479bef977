"""Each release reads what the earlier ones wrote: a results folder, frozen when it was written, under today's code.

`fixtures/format-1` is what version 0.1.0 left in its three buckets: a complete run over five images (one of them empty), then
two new images, a second plan and its part, and no summary of it: a run in flight while Shoal was upgraded. Never change it;
a new format gets a folder of its own beside it.
"""

from pathlib import Path

import pytest

from pipeline import Pipeline
from shoal.contract.errors import ContractError
from shoal.contract.hashing import canonical_sha256
from shoal.contract.job import ShardJob
from shoal.history.verify import verify_run
from shoal.results import compaction
from shoal.results.answer import read_current
from shoal.results.compaction import compact
from shoal.results.ledger import list_ledgers
from shoal.results.stored_summary import read_summary
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import open_stores
from shoal.tables.session import open_database

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


def test_the_next_plan_begins_a_new_variant_and_says_so(earlier):
    plan = earlier.plan()
    assert (plan.listed, plan.reused, plan.work.images) == (7, 0, 7)
    assert plan.variant.directory != DIRECTORY, "a variant's folder never mixes formats"
    [said] = [line for line in plan.describe() if "format 1" in line]
    assert said.endswith("it stays readable, its rows are not used again, every image is looked at anew")


def test_a_run_that_was_in_flight_during_the_upgrade_is_left_as_it_is(earlier):
    parts = earlier.stores.layout.variant(DIRECTORY).parts
    before = earlier.stores.results.list_keys(parts)
    with pytest.raises(
        ContractError, match=f"Run {IN_FLIGHT} was planned in format 1, which is read and not continued - start"
    ):
        summarize(earlier, IN_FLIGHT)
    assert earlier.stores.results.list_keys(parts) == before
    assert read_current(earlier.stores.results, earlier.stores.layout)["run_key"] == COMPLETE


def test_a_worker_refuses_an_earlier_plan(earlier):
    plan = earlier.stores.results.read_json(earlier.stores.layout.variant(DIRECTORY).run(IN_FLIGHT).plan)
    with pytest.raises(ContractError, match="has format_version 1, this worker continues 2 only - start a new run"):
        ShardJob.from_plan(plan)


def test_an_earlier_run_is_verified_and_explained(earlier):
    layout = earlier.stores.layout.variant(DIRECTORY)
    found = verify_run(earlier.stores, layout, COMPLETE)
    report = read_summary(earlier.stores.results, layout.run(COMPLETE).summary).named["report.html"].key
    missing = f"G3: file report.html of the summary of run {COMPLETE} is missing: there is no object {report}"
    assert found.deviations == (missing,), "the fixture holds no report"
    assert found.notes == (
        "stored in format 1: its files are compared by their sha256, not written again",
        "the identity of a variant of format 1 is not made again",
    )
    with open_database(earlier.stores.results) as database:
        database.view_rows(earlier.stores.results.list_keys(layout.ledgers))
        rows = database.records("SELECT object_version, version_checked, damaged, exif, dhash FROM rows ORDER BY key")
    assert all(len(row["object_version"]) == 32 and row["version_checked"] for row in rows)
    assert {(row["damaged"], row["exif"], row["dhash"]) for row in rows} == {(None, None, None)}


@pytest.mark.parametrize(
    ("name", "change", "noted"),
    [
        pytest.param("series", {"first_image": "2024-01-01T00:00:00Z"}, True, id="a time that was read otherwise"),
        pytest.param("species", {"detections": 8}, False, id="a number that no clock explains"),
    ],
)
def test_an_earlier_run_may_differ_in_what_its_clock_read_otherwise(earlier, name, change, noted):
    """A folder's time before that of the file, as in `20240101-000000-dump/20240202-101010-A.jpg`."""
    results, layout = earlier.stores.results, earlier.stores.layout.variant(DIRECTORY)
    key = layout.run(COMPLETE).summary
    summary = results.read_json(key)
    summary["result"][name][0] |= change
    summary["result_sha256"] = canonical_sha256(summary["result"])
    results.write_json(key, summary)
    results.write_json(
        earlier.stores.layout.current,
        read_current(results, earlier.stores.layout) | {"result_sha256": summary["result_sha256"]},
    )
    found = verify_run(earlier.stores, layout, COMPLETE)
    said = f"the clock's rules changed with format 2, by today's {name} would be otherwise: not compared"
    assert (said in found.notes) is noted
    assert (f"result: {name} recomputed from the rows differs from the summary's" in found.deviations) is not noted
    assert len(found.deviations) == (1 if noted else 2), "the fixture holds no report"


def test_the_numbers_of_an_earlier_summary_are_those_of_today(earlier):
    run = earlier.stores.layout.variant(DIRECTORY).run(COMPLETE)
    then = earlier.stores.results.read_json(run.summary)["result"]
    now = summarize(earlier, COMPLETE).summary["result"]
    for name in ("examined", "balance", "failed_by_reason"):
        assert now[name] == then[name], name
    for name in ("species", "series"):
        told = [{field: line[field] for field in of_then} for line, of_then in zip(now[name], then[name], strict=True)]
        assert told == then[name], name


def test_fields_of_a_later_release_are_ignored_after_a_rollback(earlier):
    """At the top and in the settings."""
    results, run = earlier.stores.results, earlier.stores.layout.variant(DIRECTORY).run(COMPLETE)
    plan = results.read_json(run.plan)
    plan |= {
        "later": {"field": 1},
        "settings": {**plan["settings"], "later": 1, "run": {**plan["settings"]["run"], "later": 1}},
    }
    results.write_json(run.plan, plan)
    assert summarize(earlier, COMPLETE).summary["complete"] is True


def test_ledgers_of_format_1_are_never_written_together(earlier, monkeypatch):
    monkeypatch.setattr(compaction, "CROWD", 2)
    results, layout = earlier.stores.results, earlier.stores.layout.variant(DIRECTORY)
    [ledger] = list_ledgers(results, layout)
    results.write_bytes(layout.ledger(COMPLETE, "another0"), results.read_bytes(ledger))
    done = compact(results, layout, COMPLETE)
    assert (done.ledger, done.deleted, len(done.left)) == (None, (), 2)
    assert all("is left as it is: it is of an earlier release, without column" in line for line in done.left)
    assert len(list_ledgers(results, layout)) == 2
