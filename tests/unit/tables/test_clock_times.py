"""The clock reads a listing once, into a table of numbers: it is small, and each number is the right image's."""

import re
from datetime import datetime

import pytest

from shoal.settings.analysis import Clock
from shoal.settings.run_form import Window
from shoal.tables.capture_times import narrow_listing, view_clocked
from shoal.tables.clock_table import read_clock_table
from shoal.tables.clock_times import read_keys, read_times
from shoal.tables.limits import Limits
from shoal.tables.session import Database

IMAGES = 130_000
"""More than DuckDB keeps in one row group."""

CAMERA_OF_ITS_OWN = "'CAM' || (i % 7) || '-' || i"
"""A counter taken for a part of the camera's name."""

OUT_OF_ORDER = "i * 7919 % 130000"


@pytest.fixture
def database(tmp_path):
    return Database(None, tmp_path)


def fill(database, images, camera="'CAM-' || i % 3", number="i", first="2020-03-01"):
    database.run(
        f"CREATE TABLE listing AS SELECT {camera} || '/' || strftime(TIMESTAMP '{first}' + to_seconds(i), '%Y%m%d-%H%M%S') || '-' || "
        f"{camera} || '.jpg' AS key, md5(i::VARCHAR) AS object_version, 1000 AS size_bytes, TIMESTAMP '2026-01-01' AS last_modified, "
        f"NULL::VARCHAR AS storage_class FROM (SELECT {number} AS i FROM range({images}) AS listed(i))"
    )


@pytest.mark.parametrize("kind", ["a table", "a file", "a window"])
def test_each_time_is_of_the_image_whose_key_tells_it(database, kind):
    fill(database, IMAGES, number=OUT_OF_ORDER)
    if kind == "a file":
        database.run("ALTER TABLE listing RENAME TO made")
        path = database.folder / "listing.parquet"
        database.copy("SELECT * FROM made", path, "FORMAT parquet, ROW_GROUP_SIZE 20000")
        database.run(f"CREATE VIEW listing AS SELECT * FROM read_parquet('{path}')")
    if kind == "a window":
        window = Window(datetime(2020, 3, 1, 1), datetime(2020, 3, 2, 12))
        assert narrow_listing(database, Clock(), (), window) is None
    read_times(database, Clock(), ())
    of_key = "strptime(regexp_extract(key, '\\d{8}-\\d{6}'), '%Y%m%d-%H%M%S')"
    wrong = f"SELECT count(*) FROM clocked WHERE captured_at IS DISTINCT FROM {of_key} OR NOT starts_with(key, camera || '/')"
    assert database.value(wrong) == 0
    images = database.value("SELECT count(*) FROM clocked")
    assert images == (35 * 3600 if kind == "a window" else IMAGES)
    assert images == database.value("SELECT count(*) FROM listing") == database.value("SELECT count(*) FROM times")
    earliest = database.value("SELECT n FROM times ORDER BY captured_at LIMIT 1")
    first = "20200301-010000-CAM-0.jpg" if kind == "a window" else "20200301-000000-CAM-0.jpg"
    assert read_keys(database, [earliest, None]) == {earliest: f"CAM-0/{first}"}
    assert read_keys(database, []) == {}


def test_the_table_that_is_kept_reads_as_the_view_that_it_is_made_of(database):
    keys = [
        "20260601-000000-CAM-1.jpg", "19700101-000000-CAM-2.jpg", "20300101-000000-CAM-2.jpg", "photo.jpg", "20261301-000000-A.jpg",
    ]  # fmt: skip
    database.run(
        "CREATE TABLE listing AS SELECT unnest(?::VARCHAR[]) AS key, 'e' AS object_version, 1 AS size_bytes, "
        "TIMESTAMP '2026-06-10' AS last_modified, NULL::VARCHAR AS storage_class",
        [keys],
    )
    view_clocked(database, Clock(), ())
    read = "SELECT key, object_version, size_bytes, last_modified, camera, deployment, captured_at, clock_flag FROM clocked"
    before = database.run(read).fetchall()
    read_times(database, Clock(), ())
    assert database.run(read).fetchall() == before
    assert [row[-1] for row in before] == [None, "epoch", "future", "undated", "undated"]


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        pytest.param("'CAM-' || i % 3", (), id="each image has an instant of its own"),
        pytest.param(CAMERA_OF_ITS_OWN, ("200000 of 200000 cameras have one image each",), id="each image has a camera of its own"),
    ],
)  # fmt: skip
def test_the_clocks_table_is_made_in_memory_that_does_not_grow_with_the_bucket(tmp_path, camera, said):
    database = Database(None, tmp_path, Limits(64_000_000, 1))
    fill(database, 200_000, camera)
    read_times(database, Clock(), ())
    table = read_clock_table(database, Clock(), "reef")
    assert sum(line.keys for line in table.lines) + table.more_keys == 200_000
    assert [re.match(r"\d+ of \d+ cameras have one image each", sentence)[0] for sentence in table.odd] == list(said)


def test_clocks_that_all_lost_their_power_take_no_more_memory(tmp_path):
    database = Database(None, tmp_path, Limits(64_000_000, 1))
    fill(database, 200_000, CAMERA_OF_ITS_OWN, first="2020-01-01")
    read_times(database, Clock(), ())
    reset, counter = read_clock_table(database, Clock(), "reef").odd
    assert reset.startswith(
        "at least 20 of 200000 images have times from 2020-01-01T00:00:00Z on and none later in that year, such as 'CAM0-0/2020"
    )
    assert "200000 of 200000 cameras have one image each" in counter


def test_an_image_is_named_for_what_is_doubled_and_only_then(database):
    fill(database, 6, camera="'CAM-' || i % 2", number="i // 4 * 4")
    read_times(database, Clock(), ())
    table = read_clock_table(database, Clock(), "reef")
    assert [(line.camera, line.keys, dict(line.flags)) for line in table.lines] == [("CAM-0", 6, {"doubled": 4})]
    assert "'CAM-0/20200301-000000-CAM-0.jpg', of camera CAM-0 (4)" in table.odd[0]
