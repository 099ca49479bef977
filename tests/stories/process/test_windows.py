"""Runs over months of capture time: each image in exactly one, and none inferred twice, whatever runs beside."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.airflow.operators.run_conf import read_params
from shoal.contract.errors import ConfigError
from shoal.embedded.samples.scenes import demo_scene
from shoal.settings.analysis import Clock
from shoal.settings.run_form import RunParams, Window
from shoal.tables.capture_times import narrow_listing
from shoal.tables.session import open_database

MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in (4, 5, 6, 7)]
WINDOWS = [{"window_start": start, "window_end": end} for start, end in pairwise(MONTHS)]


@pytest.fixture
def three_months(empty_bucket):
    """Three images of each of three months: the first instant, the last second, and one between."""
    for start in MONTHS[:-1]:
        end = (start + timedelta(days=31)).replace(day=1)
        for moment in (start, start + timedelta(days=10, hours=12), end - timedelta(seconds=1)):
            scene = demo_scene("IPC608", moment)
            empty_bucket.put(scene.key, scene.jpeg)
    return empty_bucket


def test_a_window_takes_its_start_and_leaves_its_end(three_months):
    plan = three_months.plan(**WINDOWS[1])
    assert (plan.listed, plan.work.images) == (3, 3)
    assert plan.work.shards[0].first_key.startswith("IPC608/20260501-000000")
    assert plan.work.shards[0].last_key.startswith("IPC608/20260531-235959")
    assert plan.to_json()["scope"] == {
        "prefix": "", "limit": None, "window_start": "2026-05-01T00:00:00Z", "window_end": "2026-06-01T00:00:00Z", "full": False,
    }  # fmt: skip


def test_months_and_one_full_run_are_the_dataset(three_months):
    done = [three_months.run(**window) for window in WINDOWS]
    assert [run.balance.fates["processed"] for run in done] == [3, 3, 3]
    assert {run.not_current_because for run in done} == {
        "only a reanalyse_ run over the whole dataset with the file's own settings becomes the dataset's answer"
    }
    for run in done:
        facts = run.summary["run"]
        directory = facts["ledger"].split("/")[1]
        assert three_months.verify(facts["run_key"], directory).deviations == ()
    full = three_months.run()
    assert full.balance.fates["reused"] == 9
    assert full.not_current_because is None
    assert sum(run.summary["result"]["examined"] for run in done) == full.summary["result"]["examined"]


def test_a_window_without_images_has_a_summary_of_nothing(three_months):
    done = three_months.run(window_start=datetime(2020, 1, 1, tzinfo=UTC), window_end=datetime(2020, 2, 1, tzinfo=UTC))
    assert done.balance.listed == 0
    assert done.summary["complete"]
    assert not done.continues


def test_images_of_a_run_still_at_work_are_left_to_it(three_months):
    may = three_months.plan(**WINDOWS[1])
    beside = three_months.plan(beside="test")
    assert (beside.listed, beside.work.images, beside.pending) == (9, 6, 3)
    three_months.infer(beside)
    part = three_months.summarize(beside)
    assert (part.balance.fates["pending"], part.continues) == (3, True)
    nothing_free = three_months.plan(beside="test")
    assert (nothing_free.work.images, nothing_free.pending) == (0, 3)
    assert not three_months.summarize(nothing_free).continues
    three_months.infer(may)
    assert three_months.summarize(may).balance.fates["processed"] == 3
    assert three_months.run().balance.fates["reused"] == 9


def test_images_of_a_run_that_died_are_taken_over(three_months):
    three_months.plan(**WINDOWS[1])
    assert three_months.plan(beside="some other run").work.images == 9


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param(
            {"window_start": "2026-05-01T00:00:00Z", "window_end": "2026-05-01T00:00:00Z"},
            r"Run parameter window_end is '2026-05-01T00:00:00Z': .*not after window_start 2026-05-01T00:00:00\+00:00",
            id="no width",
        ),
        pytest.param(
            {"window_start": "May"}, r"Run parameter window_start is 'May': no time with a zone", id="no time"
        ),
        pytest.param({"window_end": "2026-05-01T00:00:00"}, r"window_end .*no time with a zone", id="no zone"),
    ],
)
def test_a_window_that_is_none_is_refused(params, message):
    with pytest.raises(ConfigError, match=message):
        RunParams.parse(params)


MOMENTS = st.datetimes(datetime(1969, 1, 1), datetime(2030, 1, 1))


@settings(max_examples=15)  # each cut costs a tenth of a second, each moment nothing
@given(
    moments=st.lists(st.tuples(MOMENTS, MOMENTS, st.booleans()), min_size=8, max_size=40),
    cuts=st.lists(MOMENTS, min_size=1, max_size=5, unique=True).map(sorted),
    zone=st.sampled_from(["UTC", "Europe/Madrid", "Pacific/Auckland"]),
)
def test_each_key_is_in_exactly_one_of_windows_that_follow_each_other(moments, cuts, zone):
    listed = [(f"{n}-{key_time(moment)}-A", moment[1]) for n, moment in enumerate(moments)]
    spans = zip([None, *cuts], [*cuts, None], strict=True)
    found = [key for span in spans for key in keys_in(listed, zone, Window(*span))]
    assert sorted(found) == sorted(key for key, _ in listed)


def key_time(moment):
    captured, _, dated = moment
    return f"{captured:%Y%m%d-%H%M%S}" if dated else "undated"


def keys_in(listed, zone, window):
    with open_database(None) as database:
        database.run(
            "CREATE TABLE listing AS SELECT key, 'e' AS object_version, 1::BIGINT AS size_bytes, last_modified, "
            "NULL::VARCHAR AS storage_class "
            "FROM (SELECT unnest(?::VARCHAR[]) AS key, unnest(?::TIMESTAMP[]) AS last_modified)",
            [[key for key, _ in listed], [modified for _, modified in listed]],
        )
        narrow_listing(database, Clock(zone=zone), (), window)
        return [key for (key,) in database.run("SELECT key FROM listing").fetchall()]


def test_a_backfill_refuses_windows_beside_its_months():
    month = {
        "data_interval_start": datetime(2026, 6, 1, tzinfo=UTC),
        "data_interval_end": datetime(2026, 7, 1, tzinfo=UTC),
    }
    dag_run = SimpleNamespace(run_type="backfill", dag_id="backfill_reef", **month)
    assert read_params({"params": {}, "dag_run": dag_run}).window_start == month["data_interval_start"]
    with pytest.raises(ConfigError, match=r"months: window_end in its conf would count for none - leave it out"):
        read_params({"params": {"window_end": "2026-06-02T00:00:00Z"}, "dag_run": dag_run})
