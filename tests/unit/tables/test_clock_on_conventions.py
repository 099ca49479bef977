"""The clock before real keys: the right time and camera, or undated; never another time."""

from datetime import UTC, datetime

import pytest

from conventions import CONVENTIONS, ZONES, is_right, read_clocked
from shoal.settings.analysis import Clock

OF_ANOTHER_THING = {
    "20160626-094403-bla-bla-original-name_20170725131201.jpg": (
        "the printed model's name begins exactly as the default convention's keys do: only a person knows"
    ),
}


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """What the default clock reads in every key, each under its own zone."""
    folder, read = tmp_path_factory.mktemp("clock"), {}
    for zone in ZONES:
        read |= read_clocked(Clock(zone=zone), [row for row in CONVENTIONS if row["zone"] == zone], folder)
    return read


def test_every_listed_key_has_one_line(read):
    assert sorted(read) == sorted(row["key"] for row in CONVENTIONS)


@pytest.mark.parametrize("row", CONVENTIONS, ids=lambda row: row["key"])
def test_a_time_is_right_or_not_said(row, read):
    _, captured_at = read[row["key"]]
    if captured_at is None or row["key"] in OF_ANOTHER_THING:
        return
    assert row["right_time"], f"{row['note']}: no time stands in this key, the clock says {captured_at}"
    assert is_right(captured_at, row)


@pytest.mark.parametrize("row", [row for row in CONVENTIONS if row["right_camera"]], ids=lambda row: row["key"])
def test_a_camera_is_whole_or_not_said(row, read):
    camera, captured_at = read[row["key"]]
    if row["entry"] == "default" and captured_at is not None:
        assert camera in {row["right_camera"], Clock().camera}


def test_the_default_convention_itself_is_read(read):
    assert read["IPC608/20260601-000000-IPC608.jpg"] == ("IPC608", datetime(2026, 6, 1, tzinfo=UTC))
