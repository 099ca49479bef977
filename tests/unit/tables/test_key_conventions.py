"""The table of key conventions itself: what a person typed from a source must be complete before a clock is held to it."""

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from conventions import CONVENTIONS, READER

COLUMNS = ["maker", "source", "key", "last_modified", "zone", "right_time", "right_camera", "entry", "note"]
ENTRIES = {"default", "pattern", "exif", "ambiguous"}
UNREAD = "common knowledge, source not read"


def instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    assert moment.utcoffset() == UTC.utcoffset(None), f"{text} is not UTC"
    return moment


def test_the_table_has_its_columns_and_no_more():
    assert READER.fieldnames == COLUMNS
    assert [row["key"] for row in CONVENTIONS if None in row or None in row.values()] == []


def test_every_key_stands_once():
    assert [key for key, times in Counter(row["key"] for row in CONVENTIONS).items() if times > 1] == []


def test_no_maker_has_more_than_five_conventions():
    makers = Counter(row["maker"] for row in CONVENTIONS)
    assert {maker: keys for maker, keys in makers.items() if keys > 5} == {}


def test_every_convention_names_where_it_was_read():
    assert [row["key"] for row in CONVENTIONS if not row["source"].strip()] == []
    assert sum(row["source"] == UNREAD for row in CONVENTIONS) <= 20


@pytest.mark.parametrize("row", CONVENTIONS, ids=lambda row: row["key"])
def test_a_convention_is_complete(row):
    assert row["maker"]
    assert row["key"]
    assert row["note"]
    assert row["entry"] in ENTRIES
    ZoneInfo(row["zone"])
    listed = instant(row["last_modified"])
    if row["right_time"]:
        assert instant(row["right_time"]) <= listed, "a right time lies after the object was written"
        assert row["entry"] in {"default", "pattern"}, "a time in the key is read by the default or by a pattern"
    else:
        assert row["entry"] in {"exif", "ambiguous"}, "no time in the key: EXIF tells it, or nobody can"
