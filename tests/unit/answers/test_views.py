"""A stored answer as views: all of it, a part of it, and runs that have none."""

from datetime import timedelta

import pytest

from hostile_answer import HOSTILE_TAXON
from shoal.answers.columns import TABLES
from shoal.answers.find import find_run
from shoal.answers.views import cut_bins, view_answer
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError
from shoal.tables.session import open_database


@pytest.fixture(scope="module")
def view(hostile):
    """Gives the answer's views under a `where`, as a function that asks them."""
    run = find_run(hostile.results, hostile.layout)
    with open_database(hostile.results) as database:

        def under(*where, zone="UTC"):
            found = Where.parse(where, zone)
            view_answer(database, run.summary, found)
            database.cut = cut_bins(database, found, "day")
            database.cuts = {width: cut_bins(database, found, width) for width in ("hour", "day", "month")}
            return database

        yield under


def test_views_hold_what_the_summary_says(view, hostile):
    database, result = view(), hostile.done.summary["result"]
    rows = {file.table: 0 for file in hostile.done.stored.tables}
    for file in hostile.done.stored.tables:
        rows[file.table] += file.rows
    counted = {
        table: database.value(f"SELECT count(*) FROM {table.replace('-', '_')}") for table in TABLES if table in rows
    }
    assert counted == rows != {}
    uses = dict(database.run("SELECT use, count(*) FROM images GROUP BY 1").fetchall())
    assert uses == {use: count for use, count in result["balance"].items() if count}
    assert {"used", "duplicate", "undated", "failed"} <= set(uses)
    seen = dict(database.run("SELECT taxon, sum(detections)::BIGINT FROM counts_day GROUP BY 1").fetchall())
    assert seen == {species["taxon"]: species["detections"] for species in result["species"]}
    assert HOSTILE_TAXON in seen
    assert database.value("SELECT count(*) FROM counts_30min") == 0, "nobody asked for this width"


def test_every_image_is_in_one_of_spans_that_follow_each_other(view):
    whole = view().run("SELECT key FROM images ORDER BY 1").fetchall()
    boxes = view().value("SELECT count(*) FROM detections")
    spans = [("to=2026-05-01T12:00:00Z",), ("from=2026-05-01T12:00:00Z,to=2026-06-12",), ("from=2026-06-12",)]
    parts = [view(*span).run("SELECT key FROM images").fetchall() for span in spans]
    assert sorted(key for part in parts for key in part) == whole
    assert sum(view(*span).value("SELECT count(*) FROM detections") for span in spans) == boxes


def test_bins_that_are_cut_by_the_span_are_counted_and_left_out(view):
    """In Madrid the 12th of May begins at 22:00 UTC of the 11th."""
    asked = "camera=A,from=2026-05-12,to=2026-05-13"
    assert (view(asked).cut, view(asked).value("SELECT sum(images) FROM counts_day")) == (1, None)
    by_days = view(asked, zone="Europe/Madrid")
    assert by_days.cut == 0
    assert by_days.value("SELECT count(*) FROM images WHERE use = 'used'") == 3
    assert by_days.run("SELECT DISTINCT images FROM counts_day").fetchall() == [(3,)]


def test_bins_of_every_width_are_counted_where_the_span_cuts_them(view):
    """In Madrid June begins at 22:00 UTC of the 31st of May: its bin lies in the tables of May."""
    months = """SELECT DISTINCT deployment, bin_start FROM counts_month
        WHERE bin_start = (SELECT max(bin_start) FROM counts_month) ORDER BY ALL"""
    last = view("camera=A").run(months).fetchall()
    start = last[0][1]
    assert start.day != 1, "a month of Madrid"
    cut = view(f"camera=A,from={(start + timedelta(days=20)).isoformat()}Z")
    assert (cut.cuts["month"], cut.value("SELECT count(*) FROM counts_month")) == (len(last), 0)
    begins, deployments = (
        view("camera=A")
        .run(
            "SELECT bin_start, count(DISTINCT coalesce(deployment, '')) FROM counts_hour GROUP BY 1 ORDER BY 1 LIMIT 1"
        )
        .fetchone()
    )
    cut = view(f"camera=A,from={(begins + timedelta(minutes=30)).isoformat()}Z")
    assert cut.cuts["hour"] == deployments


def test_cameras_deployments_and_taxa_are_picked(view):
    database = view("camera=A", f"taxon={HOSTILE_TAXON}", "deployment=reef-1")
    assert database.run("SELECT DISTINCT camera, deployment FROM images").fetchall() == [("A", "reef-1")]
    assert database.run("SELECT DISTINCT taxon FROM counts_day").fetchall() == [(HOSTILE_TAXON,)]
    assert database.run("SELECT DISTINCT taxon FROM detections").fetchall() == [(HOSTILE_TAXON,)]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        pytest.param(
            "camera=C", "No camera 'C' in the answer of run .* there are: .* and 11 more", id="no such camera"
        ),
        pytest.param("taxon=Homo", "No taxon 'Homo' in the answer", id="no such taxon"),
        pytest.param("deployment=x", "No deployment 'x' .* there are: reef-1", id="no such deployment"),
    ],
)
def test_what_the_answer_does_not_know_is_said(view, where, said):
    with pytest.raises(ConfigError, match=said):
        view(where)


def test_a_run_is_found_by_the_beginning_of_its_key(hostile):
    run_key = hostile.done.stored.run_key
    for word in ("current", run_key, run_key[:12], f"reef/{run_key}", "reef/current"):
        assert find_run(hostile.results, hostile.layout, word).run_key == run_key


@pytest.mark.parametrize(
    ("word", "said"),
    [
        pytest.param(
            "19990101T000000Z-abcd1234", "No run of dataset reef begins with '1999.* below s3://", id="unknown"
        ),
        pytest.param("", "No run of dataset reef begins with ''", id="nothing"),
        pytest.param("hake/2026", "is of dataset hake, and this is reef", id="another dataset"),
    ],
)
def test_a_word_for_no_run_is_told_in_one_line(hostile, word, said):
    with pytest.raises(ConfigError, match=said):
        find_run(hostile.results, hostile.layout, word)


def test_runs_without_an_answer_say_what_they_lack(empty_bucket):
    empty_bucket.put("20260601-120000-A1.jpg", b"an image")
    plan, stores = empty_bucket.plan(), empty_bucket.stores

    def find():
        return find_run(stores.results, stores.layout, plan.run_key)

    with pytest.raises(ConfigError, match=r"has no answer yet: there is no .*summary.json - python -m shoal why"):
        find()
    with pytest.raises(ConfigError, match="has no answer yet - python -m shoal why"):
        find_run(stores.results, stores.layout)
    empty_bucket.summarize(plan)
    with pytest.raises(ConfigError, match=r"is not complete, and its numbers .*: 1 image unsettled - "):
        find()
