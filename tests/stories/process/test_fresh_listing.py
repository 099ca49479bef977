"""Runs that follow each other share a listing; those that are to see what is new list anew."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from shoal.airflow.operators.run_conf import reuse_listing_since
from shoal.contract.errors import ConfigError
from shoal.contract.units import utc_text
from shoal.results.answer import read_current
from shoal.tables.frozen_listing import find_files, load_images
from shoal.tables.session import open_database

DAY_AGO = timedelta(days=1)


def since():
    return datetime.now(UTC) - DAY_AGO


def test_a_continuation_takes_the_listing_it_finds(few_images, scenes):
    first = few_images.plan()
    few_images.put("later/20260605-120000-IPC608.jpg", scenes[3].jpeg)
    again = few_images.plan(reuse_since=since())
    assert (again.listing_key, again.listed) == (first.listing_key, 12)
    assert again.listing == first.listing
    assert few_images.plan().listed == 13


def test_the_images_of_listings_are_not_told_of_as_somebody_elses(few_images, caplog):
    few_images.plan()
    results, listings = few_images.stores.results, few_images.stores.layout.listings
    assert any(key.startswith(f"{listings}files/") for key in results.list_keys(listings))
    few_images.plan(reuse_since=since())
    assert "Passed over" not in caplog.text
    results.write_bytes(f"{listings}files/2026-06.parquet", b"somebody else's")
    few_images.plan(reuse_since=since())
    assert f"Passed over below {listings}: 1 object that Shoal has not named" in caplog.text


def test_its_answer_is_that_listings_and_a_later_one_wins(few_images, scenes):
    first = few_images.plan()
    few_images.infer(first)
    assert few_images.summarize(first).not_current_because is None
    again = few_images.plan(reuse_since=since())
    assert few_images.summarize(again).not_current_because is None
    few_images.put("later/20260605-120000-IPC608.jpg", scenes[3].jpeg)
    newer = few_images.run()
    assert "later listing" in few_images.summarize(again).not_current_because
    answer = read_current(few_images.stores.results, few_images.stores.layout)
    assert answer["run_key"] == newer.summary["run"]["run_key"]


@pytest.mark.parametrize("off", [timedelta(days=-3), timedelta(days=3)], ids=["behind", "ahead"])
def test_a_listing_is_as_old_as_it_says_whatever_the_clock_was_that_named_it(few_images, off):
    first = few_images.plan(at=datetime.now(UTC) + off)
    assert few_images.plan(reuse_since=since()).listing_key == first.listing_key
    record = few_images.stores.results.read_json(first.listing_key)
    record["listed_at"] = utc_text(datetime.now(UTC) - 2 * DAY_AGO)
    few_images.stores.results.write_json(first.listing_key, record)
    assert few_images.plan(reuse_since=since()).listing_key != first.listing_key


def test_a_listing_without_its_record_is_read_by_who_names_it_and_not_found_by_others(few_images):
    """As earlier releases left them."""
    first = few_images.plan()
    few_images.infer(first)
    results, run = (
        few_images.stores.results,
        few_images.stores.layout.variant(first.variant.directory).run(first.run_key),
    )
    plan = results.read_json(run.plan)
    plan["listing"] = {**plan["listing"], "key": first.listing_key.removesuffix("json") + "parquet"}
    del plan["listing"]["listed_at"]
    results.write_json(run.plan, plan)
    with open_database(results) as database:
        load_images(database, find_files(results, first.listing_key))
        database.store_parquet("SELECT * FROM listing", plan["listing"]["key"])
    results.delete([first.listing_key])
    assert few_images.plan(reuse_since=since()).listing_key != first.listing_key
    done = few_images.summarize(first)
    assert (done.balance.listed, done.not_current_because) == (12, None)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"prefix": "IPC608/"}, id="another prefix"),
        pytest.param({"limit": 3}, id="another limit"),
    ],
)
def test_another_scope_lists_anew(few_images, changes):
    first = few_images.plan()
    assert few_images.plan(reuse_since=since(), **changes).listing_key != first.listing_key


def test_another_ignore_lists_anew(few_images):
    first = few_images.plan()
    source = {**few_images.dataset.source.model_dump(), "ignore": ["x.jpg"]}
    assert few_images.with_settings(source=source).plan(reuse_since=since()).listing_key != first.listing_key


def test_a_window_takes_its_share_of_a_whole_listing(few_images):
    first = few_images.plan()
    window = few_images.plan(reuse_since=since(), window_start=datetime(2030, 1, 1, tzinfo=UTC))
    assert (window.listing_key, window.listed) == (first.listing_key, 0)


def test_an_old_listing_is_not_taken(few_images):
    first = few_images.plan()
    assert few_images.plan(reuse_since=datetime.now(UTC) + timedelta(seconds=5)).listing_key != first.listing_key


def test_a_shared_listing_still_knows_its_largest_directory(few_images, monkeypatch):
    few_images.plan()
    monkeypatch.setattr("shoal.bucket.directory_sizes.MOUNTABLE_FAN_OUT", 3)
    pods = few_images.with_settings(
        cluster={"kind": "kubernetes", "namespace": "n", "conn_id": "k", "pod": {"cpu": "1", "memory": "1Gi", "transfer": "mount"}},
        worker={"image": "w"}, sidecar={"image": "s"},
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"Directory 'IPC608/' holds 9 objects"):
        pods.plan(reuse_since=since())


NOON = datetime(2026, 6, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("run_type", "run_id", "schedule", "expected"),
    [
        pytest.param("scheduled", "scheduled__x", "0 2 * * *", None, id="a night lists anew"),
        pytest.param("manual", "manual__x", None, None, id="a person's run lists anew"),
        pytest.param("asset_triggered", "asset_triggered__x", None, None, id="a release lists anew"),
        pytest.param("manual", "continue__x", None, NOON - DAY_AGO, id="a continuation takes one of the last day"),
        pytest.param("manual", "continue__x", "0 2 * * *", NOON.replace(hour=2), id="but none from before the cron fired"),
        pytest.param("backfill", "backfill__x", "0 2 1 * *", NOON - DAY_AGO, id="nor an older one than that"),
        pytest.param("backfill", "backfill__x", "@hourly", NOON - timedelta(hours=1), id="the firing before now counts"),
    ],
)  # fmt: skip
def test_who_may_take_a_listing(run_type, run_id, schedule, expected):
    context = {"dag_run": SimpleNamespace(run_type=run_type, run_id=run_id)}
    assert reuse_listing_since(context, schedule, NOON) == expected
