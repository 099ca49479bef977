from datetime import UTC, datetime

import duckdb
import pytest

from shoal.contract.errors import ConfigError
from shoal.contract.rows import LISTING_COLUMNS
from shoal.database import open_database
from shoal.listing import Scope, _line, check_fan_out, freeze_listing, view_listing
from shoal.listing_page import ListedObject
from shoal.run_params import RunParams

ODD_KEYS = [
    "plain.jpg", "UPPER.JPG", "two.dots.jpeg", "with space.png", "percent%20sign.jpg", "hash#mark.jpg",
    "question?mark.jpg", "plus+plus.jpg", "quote'\"quote.jpg", "<b>html</b>.jpg", "deep/er/and/deeper/x.jpg",
    "ünïcödé/照片 №1.jpg", "back\\slash.jpg", "{{ template }}.jpg", "-dash.jpg",
]  # fmt: skip


# The embedded store's server renames control characters when it reads a folder again; other stores keep them.
CONTROL_KEYS = ["tab\there.jpg", "new\nline.jpg", 'quote"and\\backslash.jpg', "bell\x07.jpg"]


def test_control_characters_survive_the_way_into_the_table(tmp_path):
    lines = tmp_path / "listing.jsonl"
    moment = datetime(2026, 6, 1, 12, 30, 15, 250_000, UTC)
    lines.write_text("".join(_line(ListedObject(key, "e", 7, moment)) for key in CONTROL_KEYS), encoding="utf-8")
    read = f"FROM read_json('{lines}', format = 'newline_delimited', columns = {LISTING_COLUMNS})"
    assert [row[0] for row in duckdb.sql(f"SELECT key {read}").fetchall()] == CONTROL_KEYS
    assert duckdb.sql(f"SELECT DISTINCT last_modified {read}").fetchall() == [(moment.replace(tzinfo=None),)]


@pytest.fixture
def odd_bucket(empty_bucket):
    """A bucket of valid but unusual keys, some folders and files that are no images."""
    for key in [*ODD_KEYS, "notes.txt", "folder/.keep"]:
        empty_bucket.put(key, key.encode())
    return empty_bucket


def test_every_key_is_listed_as_it_is(odd_bucket):
    with open_database(odd_bucket.stores.results) as database:
        scope = Scope.of(odd_bucket.dataset.source, RunParams())
        counts = freeze_listing(odd_bucket.stores.source, odd_bucket.dataset.source, scope, database, "listing.parquet")
        found = [row[0] for row in database.run("SELECT key FROM listing ORDER BY key").fetchall()]
    assert found == sorted(ODD_KEYS, key=str.encode)
    assert (counts.images, counts.not_images, counts.ignored) == (len(ODD_KEYS), 2, 0)


def test_a_frozen_listing_is_read_back_with_its_counts(odd_bucket):
    scope = Scope.of(odd_bucket.dataset.source, RunParams())
    with open_database(odd_bucket.stores.results) as database:
        frozen = freeze_listing(odd_bucket.stores.source, odd_bucket.dataset.source, scope, database, "listing.parquet")
    with open_database(odd_bucket.stores.results) as database:
        assert view_listing(database, "listing.parquet") == frozen
        assert database.value("SELECT count(*) FROM listing") == len(ODD_KEYS)


def test_a_mount_is_refused_where_one_directory_holds_too_many_images(odd_bucket, monkeypatch):
    monkeypatch.setattr("shoal.listing.MOUNTABLE_FAN_OUT", 3)
    with open_database(odd_bucket.stores.results) as database:
        database.run("CREATE TABLE listing AS SELECT 'cam1/' || n || '.jpg' AS key FROM range(4) numbers(n)")
        with pytest.raises(ConfigError, match=r"Directory 'cam1/' holds 4 images, a mount takes 3: .* - set .*direct"):
            check_fan_out(database)


def test_odd_keys_go_all_the_way_and_are_failed_by_name(odd_bucket):
    done = odd_bucket.run()
    assert done.balance.fates["failed"] == len(ODD_KEYS)
    assert set(odd_bucket.rows(done)) == set(ODD_KEYS)
    report = odd_bucket.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()
    assert "<b>html</b>" not in report


def test_ignored_keys_are_counted_and_never_inferred(odd_bucket):
    source = {**odd_bucket.dataset.source.model_dump(), "ignore": ["plain.jpg"]}
    done = odd_bucket.with_settings(source=source).run()
    assert done.summary["run"]["listing"]["ignored"] == 1
    assert "plain.jpg" not in odd_bucket.rows(done)
