"""The clock before real keys: the right time and camera, or undated; never another time."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shoal.settings.analysis import Clock
from shoal.tables.capture_times import view_clocked
from shoal.tables.session import Database

TABLE = Path(__file__).parents[2] / "fixtures" / "key_conventions.csv"
with TABLE.open(encoding="utf-8", newline="") as file:
    CONVENTIONS = list(csv.DictReader(file))

CUT_NAMES = {"20260601-100000-CAM-1.jpg": "a camera's name ends at its first hyphen"}
FOLDER_DATES = {"20200101-000000-dump/20260602-100000-CAM4.jpg": "a dated folder wins over the name"}


def read_by_the_default_clock(folder: Path) -> dict[str, tuple[str, datetime | None]]:
    """Camera and capture time (UTC) of every key, each under its own zone."""
    read = {}
    for zone in sorted({row["zone"] for row in CONVENTIONS}):
        database = Database(None, folder)
        database.run("CREATE TABLE listing (key VARCHAR, last_modified TIMESTAMP)")
        listed = [(row["key"], row["last_modified"].removesuffix("Z")) for row in CONVENTIONS if row["zone"] == zone]
        database.connection.executemany("INSERT INTO listing VALUES (?, ?)", listed)
        view_clocked(database, Clock(zone=zone))
        rows = database.run("SELECT key, camera, captured_at FROM clocked").fetchall()
        read.update({key: (camera, at and at.replace(tzinfo=UTC)) for key, camera, at in rows})
    return read


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    return read_by_the_default_clock(tmp_path_factory.mktemp("clock"))


def test_every_listed_key_has_one_line(read):
    assert sorted(read) == sorted(row["key"] for row in CONVENTIONS)


@pytest.mark.parametrize("row", CONVENTIONS, ids=lambda row: row["key"])
def test_a_time_is_right_or_not_said(row, read, request):
    if row["key"] in FOLDER_DATES:
        request.applymarker(pytest.mark.xfail(strict=False, reason=FOLDER_DATES[row["key"]]))
    _, captured_at = read[row["key"]]
    if captured_at is None:
        return
    assert row["right_time"], f"{row['note']}: no time stands in this key, the clock says {captured_at}"
    # A clock that leaves fractions of a second out is right.
    assert abs(captured_at - datetime.fromisoformat(row["right_time"])) < timedelta(seconds=1)


@pytest.mark.parametrize("row", [row for row in CONVENTIONS if row["right_camera"]], ids=lambda row: row["key"])
def test_a_camera_is_whole_or_not_said(row, read, request):
    reason = (CUT_NAMES | FOLDER_DATES).get(row["key"])
    if reason:
        request.applymarker(pytest.mark.xfail(strict=False, reason=reason))
    camera, captured_at = read[row["key"]]
    if row["entry"] == "default" and captured_at is not None:
        assert camera in {row["right_camera"], Clock().camera}


def test_the_default_convention_itself_is_read(read):
    assert read["IPC608/20260601-000000-IPC608.jpg"] == ("IPC608", datetime(2026, 6, 1, tzinfo=UTC))
