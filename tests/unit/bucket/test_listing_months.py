"""A listing's images lie in files by month, which runs share: a night stores what changed."""

import hashlib
from datetime import datetime, timedelta

import pytest

from shoal.bucket.listing_months import MOST_MONTHS, store_months
from shoal.contract.rows import LISTING_COLUMNS
from shoal.stores.shared_files import SharedFiles
from shoal.tables.frozen_listing import ListingFile, find_files, load_images, read_files
from shoal.tables.session import open_database

LISTING = "reef/listings/20260601T020000Z-abcd1234.json"
FILES = "reef/listings/files/"


def fill(database, rows):
    columns = ", ".join(f"{name} {kind}" for name, kind in LISTING_COLUMNS.items())
    database.run(f"CREATE OR REPLACE TABLE listing ({columns})")
    for key, modified in sorted(rows):
        database.run("INSERT INTO listing VALUES (?, 'v1', 7, ?, NULL)", [key, modified])


@pytest.fixture
def uploads(empty_bucket, monkeypatch):
    """Keys that were uploaded to the results bucket."""
    keys, upload = [], empty_bucket.stores.results.upload

    def noted(path, key, *rest):
        keys.append(key)
        upload(path, key, *rest)

    monkeypatch.setattr(empty_bucket.stores.results, "upload", noted)
    return keys


def freeze(results, rows, kept=frozenset(), later=timedelta()):
    """Store images as a listing that is made so much later."""
    look = SharedFiles.look(results, FILES, kept)
    with open_database(results) as database:
        fill(database, rows)
        return store_months(database, LISTING, SharedFiles(results, look.present, look.now + later, kept))


MAY, JUNE = datetime(2026, 5, 31, 23, 59, 59), datetime(2026, 6, 1)


def test_each_month_is_a_file_in_key_order_that_its_content_names(empty_bucket):
    results = empty_bucket.stores.results
    files = freeze(results, [("b.jpg", MAY), ("c.jpg", JUNE), ("a.jpg", MAY)])
    assert [(file.month, file.images) for file in files] == [("2026-05", 2), ("2026-06", 1)]
    for file in files:
        sha256 = hashlib.sha256(results.read_bytes(file.key)).hexdigest()
        assert (file.sha256, file.key) == (sha256, f"{FILES}{file.month}-{sha256[:16]}.parquet")
    results.write_json(LISTING, {"format_version": 2, "files": [file.to_json() for file in reversed(files)]})
    assert read_files(results, LISTING) == tuple(reversed(files))
    with open_database(results) as database:
        load_images(database, find_files(results, LISTING))
        assert database.run("SELECT key, row_number() OVER () FROM listing").fetchall() == [
            ("a.jpg", 1), ("b.jpg", 2), ("c.jpg", 3)
        ]  # fmt: skip


def test_a_night_without_news_uploads_no_file_and_one_new_image_one(empty_bucket, uploads):
    results, night = empty_bucket.stores.results, timedelta(days=1)
    first = freeze(results, [("a.jpg", MAY), ("b.jpg", JUNE)])
    kept = frozenset(file.key for file in first)
    assert sorted(uploads) == sorted(kept)
    uploads.clear()
    assert (freeze(results, [("a.jpg", MAY), ("b.jpg", JUNE)], kept, night), uploads) == (first, [])
    second = freeze(results, [("a.jpg", MAY), ("b.jpg", JUNE), ("c.jpg", JUNE)], kept, night)
    assert (second[0], uploads) == (first[0], [second[1].key])


@pytest.mark.parametrize(
    ("later", "again"),
    [
        pytest.param(timedelta(hours=11), False, id="young: nobody deletes it today"),
        pytest.param(timedelta(hours=13), True, id="old: gc may be about to delete it"),
    ],
)
def test_a_file_that_no_kept_listing_names_is_written_again_before_gc_may_take_it(empty_bucket, uploads, later, again):
    first = freeze(empty_bucket.stores.results, [("a.jpg", MAY)])
    uploads.clear()
    assert freeze(empty_bucket.stores.results, [("a.jpg", MAY)], later=later) == first
    assert uploads == [file.key for file in first if again]


def test_a_file_that_was_cut_short_is_written_again(empty_bucket):
    results = empty_bucket.stores.results
    [file] = freeze(results, [("a.jpg", MAY)])
    results.write_bytes(file.key, results.read_bytes(file.key)[:-1])
    assert freeze(results, [("a.jpg", MAY)]) == (file,)
    assert hashlib.sha256(results.read_bytes(file.key)).hexdigest() == file.sha256


@pytest.mark.parametrize(
    ("modified", "month"),
    [
        pytest.param(datetime(1970, 1, 1), "1970-01", id="a store whose clock was never set"),
        pytest.param(datetime(2099, 12, 31, 23, 59, 59), "2099-12", id="one that runs ahead"),
        pytest.param(datetime(1, 1, 1), "0001-01", id="the first of all months"),
        pytest.param(datetime(9999, 12, 31, 23, 59, 59, 999999), "9999-12", id="the last"),
    ],
)
def test_any_time_has_its_month(empty_bucket, modified, month):
    [file] = freeze(empty_bucket.stores.results, [("a.jpg", modified)])
    assert (file.month, file.images) == (month, 1)


def test_objects_of_any_number_of_months_lie_in_a_bounded_number_of_files(empty_bucket, monkeypatch):
    monkeypatch.setattr("shoal.bucket.listing_months.MOST_MONTHS", 3)
    assert MOST_MONTHS == 480
    hostile = [(f"{year}.jpg", datetime(year, 7, 1)) for year in range(1900, 1910)]
    usual = [(f"{key}{month}.jpg", datetime(2026, month, 2)) for month in (4, 5) for key in "abc"]
    results = empty_bucket.stores.results
    files = freeze(results, [*hostile, *usual, ("undated.jpg", None)])
    assert [(file.month, file.images) for file in files] == [
        ("1900-07", 1), ("2026-04", 3), ("2026-05", 3), (None, 10)
    ]  # fmt: skip
    assert files[-1].key.startswith(f"{FILES}0000-00-")
    results.write_json(LISTING, {"format_version": 2, "files": [file.to_json() for file in files]})
    with open_database(results) as database:
        load_images(database, find_files(results, LISTING))
        found = [key for (key,) in database.run("SELECT key FROM listing").fetchall()]
    assert found == sorted(key for key, _ in [*hostile, *usual, ("undated.jpg", None)])


def test_the_bytes_of_a_month_tell_nothing_of_the_others(empty_bucket):
    """Images of other months lie between its own: row groups must not end elsewhere for that."""
    many = (
        "CREATE OR REPLACE TABLE listing AS SELECT printf('%07d.jpg', n) AS key, md5(n::VARCHAR) AS object_version, "
        "n AS size_bytes, IF(n % 7 = 0, TIMESTAMP '2026-06-02', TIMESTAMP '2026-05-02') AS last_modified, "
        "'STANDARD' AS storage_class FROM range(900_000) AS numbers(n) WHERE n % 7 = 0"
    )
    found = []
    for others in ("", " OR n % 13 < 3", " OR true"):
        with open_database(empty_bucket.stores.results) as database:
            database.run(many + others)
            shared = SharedFiles.look(database.results, FILES)
            found.append(next(file for file in store_months(database, LISTING, shared) if file.month == "2026-06"))
    assert found[0].images > 100_000
    assert found[0] == found[1] == found[2]


def test_files_of_earlier_releases_are_read(empty_bucket):
    """One file beside the JSON, of whatever months, and of format 1 that file alone."""
    results, old = empty_bucket.stores.results, LISTING.replace("json", "parquet")
    with open_database(results) as database:
        fill(database, [("a.jpg", MAY), ("b.jpg", JUNE)])
        stored = database.store_parquet("SELECT * FROM listing", old)
    results.write_json(LISTING, {"format_version": 2, "files": [ListingFile(old, stored.sha256, 2).to_json()]})
    for listing in (LISTING, old):
        with open_database(results) as database:
            load_images(database, find_files(results, listing))
            assert database.run("SELECT key FROM listing").fetchall() == [("a.jpg",), ("b.jpg",)]


def test_an_idle_night_stores_the_small_json_and_no_image_twice(few_images):
    few_images.run()
    results, layout = few_images.stores.results, few_images.stores.layout
    before = set(results.list_keys(layout.listings))
    plan = few_images.plan()
    assert set(results.list_keys(layout.listings)) - before == {plan.listing_key}
    few_images.put("IPC608/new.jpg", b"new")
    more = few_images.plan().listing_key
    new = set(results.list_keys(layout.listings)) - before - {plan.listing_key, more}
    assert [key for key in new if key not in find_files(results, more)] == []
    assert len(new) == 1
