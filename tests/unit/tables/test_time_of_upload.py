"""`last_modified: true`: the time of upload stands for that of capture where nothing tells one, and is called what it is."""

from datetime import datetime, timedelta

import pytest

from shoal.contract.rows import EXIF_TYPE, LISTING_COLUMNS, ddl
from shoal.settings.analysis import Clock
from shoal.settings.deployments import Deployment
from shoal.settings.run_form import Window
from shoal.tables.capture_times import narrow_listing, view_clocked, view_clocked_with_exif
from shoal.tables.clock_table import read_clock_table
from shoal.tables.clock_times import keep_times, read_times
from shoal.tables.session import Database

UPLOADED = datetime(2026, 6, 10, 7, 30, 5)
NAME = {"pattern": Clock().pattern}
UPLOAD = {"last_modified": True}
NAME_OR_UPLOAD, ALL_THREE = [NAME, UPLOAD], [NAME, {"exif": True, "zone": "Europe/Madrid"}, UPLOAD]


@pytest.fixture
def database(tmp_path):
    return Database(None, tmp_path)


def fill(database, *keys, stored=UPLOADED):
    database.run(f"CREATE OR REPLACE TABLE listing ({ddl(LISTING_COLUMNS)})")
    for key in keys:
        database.run("INSERT INTO listing VALUES (?, 'e', 1, ?, NULL)", [key, stored])


def fill_rows(database, **rows):
    """Rows of images by their names: a status, and the local time that EXIF tells."""
    database.run(
        f"CREATE OR REPLACE TABLE rows (key VARCHAR, object_version VARCHAR, status VARCHAR, exif {EXIF_TYPE})"
    )
    for name, (status, local_time) in rows.items():
        exif = {"local_time": local_time, "offset_minutes": None, "make": None, "model": "HERO9", "serial": None}
        database.run("INSERT INTO rows VALUES (?, 'e', ?, ?)", [f"{name}.jpg", status, exif if local_time else None])


def read(database):
    return database.run("SELECT captured_at, clock_flag, clock_source FROM clocked ORDER BY key").fetchall()


@pytest.mark.parametrize(
    ("key", "told"),
    [
        pytest.param("photo.jpg", (UPLOADED, "uploaded", 1), id="nothing tells a time"),
        pytest.param("20260601-120000-C1.jpg", (datetime(2026, 6, 1, 12), None, 0), id="the name tells one"),
        pytest.param("20261301-120000-C1.jpg", (UPLOADED, "uploaded", 1), id="digits that no calendar has"),
        pytest.param("19700101-000000-C1.jpg", (None, "epoch", None), id="a clock that was never set is no reason to take another one"),
        pytest.param("20300101-000000-C1.jpg", (None, "future", None), id="nor is one that is ahead"),
    ],
)  # fmt: skip
def test_it_counts_only_where_no_name_tells_a_time(database, key, told):
    fill(database, key)
    view_clocked(database, Clock.model_validate(NAME_OR_UPLOAD), ())
    assert read(database) == [told]


def test_an_upload_that_a_file_system_forgot_is_no_time(database):
    fill(database, "photo.jpg", stored=datetime(1980, 1, 1))
    view_clocked(database, Clock.model_validate(NAME_OR_UPLOAD), ())
    assert read(database) == [(None, "epoch", None)]


def test_it_is_utc_whatever_the_zones_of_other_entries(database):
    fill(database, "photo.jpg")
    view_clocked(database, Clock.model_validate([{**NAME, "zone": "Asia/Tokyo"}, UPLOAD]), ())
    assert read(database) == [(UPLOADED, "uploaded", 1)]


def test_exif_goes_first_and_is_waited_for(database):
    fill(database, "a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
    fill_rows(
        database, a=("processed", datetime(2026, 5, 1, 12)), b=("processed", None), c=("processed", datetime(1980, 1, 1)), d=("gone", None)
    )  # fmt: skip
    clock = Clock.model_validate(ALL_THREE)
    view_clocked(database, clock, ())
    assert read(database) == [(None, "undated", None)] * 5
    view_clocked_with_exif(database, clock, ())
    assert read(database) == [
        (datetime(2026, 5, 1, 10), None, 1),
        (UPLOADED, "uploaded", 2),
        (None, "epoch", None),
        (None, "undated", None),
        (None, "undated", None),
    ]


@pytest.mark.parametrize("clock", [NAME_OR_UPLOAD, ALL_THREE], ids=["names", "names and EXIF"])
@pytest.mark.parametrize("day", range(6, 13))
def test_an_image_stays_in_the_window_that_it_has_without_it(database, clock, day):
    keys = [
        "photo.jpg",
        "19700101-000000-C1.jpg",
        "20300101-000000-C1.jpg",
        "20260608-120000-C1.jpg",
        "20260610-235959-C1.jpg",
    ]
    window = Window(datetime(2026, 6, day), datetime(2026, 6, day) + timedelta(days=1))
    left = []
    for entries in (clock[:-1], clock):
        fill(database, *keys)
        narrow_listing(database, Clock.model_validate(entries), stays(offset="-1d"), window)
        left.append(database.run("SELECT key FROM listing ORDER BY key").fetchall())
    assert left[0] == left[1]
    assert len(left[0]) == {7: 1, 9: 1, 10: 3}.get(day, 0)


def stays(**stay):
    return (
        Deployment.model_validate({"name": "pier", "camera": "C1", "start": "2026-01-01", "end": "2027-01-01", **stay}),
    )


@pytest.mark.parametrize("wrong", [{"offset": "-400d"}, {"offset": "+1h"}, {"zone": "Asia/Tokyo"}, {}])
def test_no_deployment_moves_it_for_it_is_no_camera_s_time(database, wrong):
    """It belongs to the deployment that it lies in as it is; the camera is told by the folder."""
    fill(database, "C1/photo.jpg", "C2/photo.jpg")
    clock = Clock.model_validate([{"pattern": r"(?P<time>)(?P<camera>C\d)/"}, UPLOAD])
    view_clocked(database, clock, stays(**wrong))
    found = database.run("SELECT camera, captured_at, deployment FROM clocked ORDER BY key").fetchall()
    assert found == [("C1", UPLOADED, "pier"), ("C2", UPLOADED, None)]


def test_the_table_calls_it_what_it_is_and_no_sentence_takes_it_for_a_time_of_capture(database):
    fill(database, *(f"img{number}.jpg" for number in range(12)), "20250601-120000-C1.jpg")
    clock = Clock.model_validate([NAME, {**UPLOAD, "camera": "trap"}])
    read_times(database, clock, ())
    table = read_clock_table(database, clock, "reef")
    assert table.table()[1:] == [
        "entry 2: time of upload, not of capture  12      trap    2026-06-10 07:30:05  2026-06-10 07:30:05  img0.jpg",
        "entry 1: name                            1       C1      2025-06-01 12:00:00  2025-06-01 12:00:00  20250601-120000-C1.jpg",
    ]
    assert dict(table.lines[0].flags) == {"uploaded": 12}
    # Twelve of one second are not doubled, and C1 is not late beside them.
    assert table.odd == (
        (
            "12 of 13 images have the time of their upload, not of their capture, such as 'img0.jpg': nothing else told one, and clock "
            "says last_modified: true - hours, days and deployments are those of whoever copied the files"
        ),
    )


def test_a_plan_that_waits_for_exif_says_what_comes_after_it(database):
    fill(database, "photo.jpg")
    clock = Clock.model_validate(ALL_THREE)
    read_times(database, clock, ())
    assert read_clock_table(database, clock, "reef").odd == (
        (
            "1 of 1 images has no time in its name, such as 'photo.jpg': EXIF is asked when it is read; windows and the order of "
            "work do not know it, and where it tells none the time of upload counts - python -m shoal clock reef --propose looks for one"
        ),
    )
    fill_rows(database, photo=("processed", None))
    view_clocked_with_exif(database, clock, ())
    keep_times(database, clock)
    (line,) = read_clock_table(database, clock, "reef", after_reading=True).lines
    assert (line.convention, line.by) == (2, "time of upload, not of capture")
