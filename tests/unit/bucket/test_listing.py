import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.bucket.directory_sizes import FanOut
from shoal.bucket.listing import Scope, freeze_listing, load_sifted, view_listing
from shoal.bucket.listing_record import ListingRecord
from shoal.bucket.sieve import Sieve, write_line
from shoal.contract.errors import ConfigError, ContractError, StoreError
from shoal.contract.rows import LISTING_COLUMNS
from shoal.settings.run_form import RunParams
from shoal.settings.source import Source
from shoal.stores import listing_ahead
from shoal.stores.listed import ListedObject
from shoal.stores.s3 import S3Store
from shoal.tables.frozen_listing import find_files, read_files
from shoal.tables.session import open_database
from worker.http_faults import faulty_store, whole
from worker.listed_bucket import ListedBucket

ODD_KEYS = [
    "plain.jpg", "UPPER.JPG", "two.dots.jpeg", "with space.png", "percent%20sign.jpg", "hash#mark.jpg",
    "question?mark.jpg", "plus+plus.jpg", "quote'\"quote.jpg", "<b>html</b>.jpg", "deep/er/and/deeper/x.jpg",
    "ünïcödé/照片 №1.jpg", "back\\slash.jpg", "{{ template }}.jpg", "-dash.jpg",
]  # fmt: skip

LISTING = "reef/listings/20260601T020000Z-abcd1234.json"


# The embedded store's server renames control characters when it reads a folder again; other stores keep them.
CONTROL_KEYS = ["tab\there.jpg", "new\nline.jpg", 'quote"and\\backslash.jpg', "bell\x07.jpg"]


def test_control_characters_survive_the_way_into_the_table(tmp_path):
    lines = tmp_path / "listing.jsonl"
    moment = datetime(2026, 6, 1, 12, 30, 15, 250_000, UTC)
    lines.write_text("".join(write_line(ListedObject(key, "e", 7, moment)) for key in CONTROL_KEYS), encoding="utf-8")
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
        frozen = freeze_listing(odd_bucket.stores.source, odd_bucket.dataset.source, scope, database, LISTING)
        found = [row[0] for row in database.run("SELECT key FROM listing ORDER BY key").fetchall()]
    assert found == sorted(ODD_KEYS, key=str.encode)
    assert (frozen.counts.images, frozen.counts.not_images, frozen.counts.ignored) == (len(ODD_KEYS), 2, 0)


def test_what_a_later_release_adds_to_a_listing_is_passed_over(odd_bucket):
    results, key = odd_bucket.stores.results, "reef/listings/20260601T020000Z-abcd1234.json"
    with open_database(results) as database:
        scope = Scope.of(odd_bucket.dataset.source, RunParams())
        freeze_listing(odd_bucket.stores.source, odd_bucket.dataset.source, scope, database, key)
    record, files = ListingRecord.read(results, key), read_files(results, key)
    stored = results.read_json(key)
    later = {
        "largest_directory": {**stored["largest_directory"], "later": 1},
        "files": [{**entry, "later": 1} for entry in stored["files"]],
        "later": 1,
    }
    results.write_json(key, stored | later)
    assert (ListingRecord.read(results, key), read_files(results, key)) == (record, files)
    assert record.largest.entries
    results.write_json(key, stored | {"files": [{"sha256": "0" * 64}]})
    with pytest.raises(ContractError, match=r"has no field 'key' - start a new run"):
        read_files(results, key)


@pytest.mark.parametrize(
    ("entries", "keys", "left"),
    [
        pytest.param(["photo[1].jpg"], ["photo1.jpg", "photo[1].jpg"], ["photo1.jpg"], id="a key with brackets"),
        pytest.param(["photo[1].jpg"], ["photo1.jpg", "photo2.jpg"], ["photo2.jpg"], id="no such key: a pattern"),
        pytest.param(["b.jpg"], ["a/b.jpg", "b.jpg"], ["a/b.jpg"], id="a key at the root"),
        pytest.param(["b.jpg"], ["a/b.jpg", "c.jpg"], ["c.jpg"], id="no such key: a name in every folder"),
        pytest.param(
            ["*.jpg", "!b.jpg"], ["!b.jpg", "a.jpg", "b.jpg"], [], id="a key with a leading ! lets nothing in again"
        ),
        pytest.param(["*.jpg", "!b.jpg"], ["a.jpg", "b.jpg"], ["b.jpg"], id="no such key: lets in again"),
        pytest.param(["*.jpg"], ["*.jpg", "a.jpg"], ["a.jpg"], id="a key that would match everything"),
        pytest.param(["a.jpg", "*1.jpg"], ["a.jpg", "b/a.jpg", "b/1.jpg"], ["b/a.jpg"], id="one of each"),
    ],
)
@pytest.mark.parametrize("backwards", [False, True], ids=["in the keys' order", "in another"])
def test_an_entry_that_equals_a_listed_key_is_that_key_and_else_a_pattern(entries, keys, left, backwards):
    lines, moment = io.StringIO(), datetime(2026, 6, 1, tzinfo=UTC)
    sieve = Sieve(Source(conn_id="s3", bucket="fish", ignore=entries), lines, io.StringIO())
    for key in sorted(keys, reverse=backwards):
        sieve.add(ListedObject(key, "e", 7, moment))
    counts = sieve.finish()
    assert sorted(json.loads(line)["key"] for line in lines.getvalue().splitlines()) == left
    assert (counts.images, counts.size_bytes, counts.ignored) == (len(left), 7 * len(left), len(keys) - len(left))


@pytest.mark.parametrize(
    ("listed", "in_order"),
    [
        pytest.param(["B.jpg", "a.jpg", "a/3.jpg"], True, id="as most stores list"),
        pytest.param(["a/3.jpg", "a.jpg"], False, id="as some list folders: before what their names begin"),
        pytest.param(["a.jpg", "a.jpg"], False, id="a key twice"),
        pytest.param(["\uffe5.jpg", "\U0001f41f.jpg"], True, id="by code point, as UTF-8 and DuckDB do"),
        pytest.param(["\U0001f41f.jpg", "\uffe5.jpg"], False, id="by UTF-16, as Java does"),
        pytest.param(["b.mp4", "a.jpg"], True, id="what is no image does not count"),
        pytest.param(["a/1.jpg", "a/[12].jpg", "b.jpg"], False, id="an image that waited until all was listed"),
    ],
)
def test_images_lie_in_key_order_whatever_order_they_are_listed_in(tmp_path, listed, in_order):
    path, moment = tmp_path / "listing.jsonl", datetime(2026, 6, 1, tzinfo=UTC)
    with path.open("w") as lines, open_database(None) as database:
        sieve = Sieve(Source(conn_id="s3", bucket="fish", ignore=["a/[12].jpg"]), lines, io.StringIO())
        for number, key in enumerate(listed):
            sieve.add(ListedObject(key, f"e{number}", number, moment))
        sieve.finish()
        lines.flush()
        path = path.rename(database.folder / "listing.jsonl")
        load_sifted(database, path, None, in_order=sieve.in_order)
        found = [key for (key,) in database.run("SELECT key FROM listing").fetchall()]
    images = {key for key in listed if key.endswith(".jpg") and "[" not in key}
    assert (found, sieve.in_order) == (sorted(images), in_order)


def test_a_limit_holds_where_the_last_key_makes_a_pattern_a_key(empty_bucket):
    for key in ("a/1.jpg", "a/2.jpg", "a/[12].jpg", "b.jpg", "c.jpg"):
        empty_bucket.put(key, b"x")
    source = empty_bucket.with_settings(
        source={**empty_bucket.dataset.source.model_dump(), "ignore": ["a/[12].jpg"]}
    ).dataset.source
    with open_database(empty_bucket.stores.results) as database:
        frozen = freeze_listing(empty_bucket.stores.source, source, Scope("", 2), database, LISTING)
        keys = [row[0] for row in database.run("SELECT key FROM listing ORDER BY key").fetchall()]
    assert (keys, frozen.counts.images) == (["a/1.jpg", "a/2.jpg"], 2)


def test_a_frozen_listing_is_read_back_with_its_counts(odd_bucket):
    scope = Scope.of(odd_bucket.dataset.source, RunParams())
    with open_database(odd_bucket.stores.results) as database:
        frozen = freeze_listing(odd_bucket.stores.source, odd_bucket.dataset.source, scope, database, LISTING)
    with open_database(odd_bucket.stores.results) as database:
        assert view_listing(database, LISTING) == frozen
        assert database.value("SELECT count(*) FROM listing") == len(ODD_KEYS)


def test_images_that_a_store_lists_under_one_key_are_one_and_that_is_said(empty_bucket):
    """As versitygw 1.8 lists two files whose names are no UTF-8."""
    entry = "<Contents><Key>{}.jpg</Key><LastModified>2026-06-01T02:03:0{}Z</LastModified><Size>7</Size></Contents>"
    entries = "".join(entry.format(key, second) for second, key in enumerate(["a\ufffd", "a\ufffd", "b"]))
    page = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
    results = empty_bucket.stores.results
    with faulty_store(whole(page.encode())) as (url, _), open_database(results) as database:
        source, key = S3Store(replace(results.access, endpoint_url=url), "fish"), LISTING
        frozen = freeze_listing(source, empty_bucket.dataset.source, Scope("", None), database, key)
    assert (frozen.counts.images, frozen.counts.twice, frozen.counts.left_out()["twice"]) == (2, 1, 1)
    assert ListingRecord.read(results, key).counts == frozen.counts
    [line] = frozen.counts.describe()
    assert line.startswith("1 further image under a key that was listed before: of each key one is looked at - ")


def test_a_listing_says_when_it_was_made_what_it_holds_and_what_was_left_out(empty_bucket):
    for key in ("a.jpg", "._a.jpg", "film.mp4", "b.heic", "notes.txt", "a.jpg.d/t.jpg/1.jpg"):
        empty_bucket.put(key, key.encode())
    before = empty_bucket.stores.source.read_clock()
    plan = empty_bucket.plan()
    results = empty_bucket.stores.results
    told = results.read_json(plan.listing_key)
    assert before <= datetime.fromisoformat(told["listed_at"]) <= empty_bucket.stores.source.read_clock()
    assert (told["listed_at_by"], told["scope"]["bucket"]) == ("store", empty_bucket.dataset.source.bucket)
    assert told["counts"] == {
        "images": 2, "size_bytes": 24, "not_images": 3, "ignored": 1, "ignored_by": {"._*": 1}, "videos": {".mp4": 1},
        "unread": {".heic": 1}, "below_images": 1,
    }  # fmt: skip
    hashes = {file["key"]: hashlib.sha256(results.read_bytes(file["key"])).hexdigest() for file in told["files"]}
    assert {file["key"]: file["sha256"] for file in told["files"]} == hashes
    assert sum(file["images"] for file in told["files"]) == 2
    stored = results.read_json(empty_bucket.stores.layout.variant(plan.variant.directory).run(plan.run_key).plan)[
        "listing"
    ]
    assert (stored["key"], stored["listed_at"]) == (plan.listing_key, told["listed_at"])


def test_a_store_that_does_not_say_what_time_it_is_leaves_it_to_this_machine_and_the_plan_says_so(
    few_images, monkeypatch
):
    def no_date():
        raise StoreError("the store does not say what time it is (no Date in its answers)")

    monkeypatch.setattr(few_images.stores.source, "read_clock", no_date)
    plan = few_images.plan()
    assert few_images.stores.results.read_json(plan.listing_key)["listed_at_by"] == "machine"
    assert "the image store does not say what time it is: this machine's clock stands for the listing's time" in (
        plan.describe()
    )


def test_a_listing_file_that_is_another_one_is_a_deviation(few_images):
    done = few_images.run()
    results = few_images.stores.results
    [key, *_] = find_files(results, done.summary["run"]["listing"]["key"])
    with open_database(results) as database:
        database.view_parquet("mine", [key], LISTING_COLUMNS)
        database.run("CREATE TABLE turned AS SELECT * FROM mine ORDER BY key DESC")
        database.store_parquet("SELECT * FROM turned", key)
    found = few_images.verify(done.summary["run"]["run_key"], done.key.split("/")[1])
    [said] = found.deviations
    assert said.startswith(
        f"G1: listing file {key} has another sha256 than the listing says - restore an older version of it"
    )
    results.delete([key])
    few_images.run()
    assert few_images.verify(done.summary["run"]["run_key"], done.key.split("/")[1]).deviations == (), "written again"


def test_a_file_of_the_answer_that_somebody_wrote_over_is_written_again_once_it_was_deleted(few_images):
    """Of the same size it passes for the same file until then."""
    plan = few_images.plan()
    few_images.infer(plan)
    done, results = few_images.summarize(plan), few_images.stores.results
    key = done.summary["folder"] + "report.html"
    results.write_bytes(key, b" " * len(results.read_bytes(key)))
    few_images.summarize(plan)
    [said] = few_images.verify(plan.run_key, plan.variant.directory).deviations
    assert f"than the summary says - delete {key}, then clear summarize" in said
    results.delete([key])
    few_images.summarize(plan)
    assert few_images.verify(plan.run_key, plan.variant.directory).deviations == ()


def benchmark(name):
    """Load a file of the benchmarks."""
    spec = spec_from_file_location(name, Path(__file__).parents[3] / "benchmarks" / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def counted(keys):
    fan_out = FanOut()
    for key in sorted(keys, key=str.encode):
        fan_out.add(key)
    return fan_out


@pytest.mark.parametrize(
    ("keys", "largest"),
    [
        pytest.param([f"cam1/{n}.jpg" for n in range(4)], ("cam1/", 4), id="images"),
        pytest.param(
            [f"cam1/{n}.{end}" for n in range(4) for end in ("jpg", "json")], ("cam1/", 8), id="other objects too"
        ),
        pytest.param([f"cam1/{n}/x.jpg" for n in range(5)], ("cam1/", 5), id="folders"),
        pytest.param([f"{n}.jpg" for n in range(3)], ("", 3), id="the bucket itself"),
        pytest.param(["a/1.jpg", "a/b/1.jpg", "a/b/2.jpg", "a/c.jpg"], ("a/", 3), id="a folder between two objects"),
        pytest.param(["a/b/1.jpg", "a/b-2/1.jpg", "a/b/2.jpg"], ("a/", 2), id="names that begin alike"),
    ],
)
def test_every_entry_of_a_directory_is_counted(keys, largest):
    assert counted(keys).largest == largest


@given(st.sets(st.lists(st.sampled_from("ab-é"), min_size=1, max_size=4).map("/".join), min_size=1, max_size=40))
def test_the_largest_directory_is_that_of_a_walk_over_all_of_them(keys):
    entries = {}
    for key in keys:
        names = key.split("/")
        for depth in range(len(names)):
            last = depth == len(names) - 1
            # An object and a folder may have one name: a mount shows one of them, a listing both.
            entries.setdefault("".join(f"{n}/" for n in names[:depth]), set()).add((names[depth], last))
    assert counted(keys).largest[1] == max(map(len, entries.values()))


def frozen_by(source, pipeline, limit=None):
    """Freezes a listing; returns all that is stored of it but the moment."""
    results = pipeline.stores.results
    with open_database(results) as database:
        freeze_listing(source, pipeline.dataset.source, Scope("", limit), database, LISTING, mounts=True)
    told = results.read_json(LISTING)
    return {**told, "listed_at": None}, [results.read_bytes(file["key"]) for file in told["files"]]


def counting(source, monkeypatch):
    """Keeps what the source's store is asked for: prefix, token and delimiter."""
    asked, ask = [], source._list_page
    monkeypatch.setattr(source, "_list_page", lambda *of: asked.append(of[:3]) or ask(*of))
    return asked


@pytest.mark.parametrize("limit", [None, 4321], ids=["all", "no more than so many"])
def test_a_listing_that_is_read_ahead_is_frozen_byte_for_byte_as_one_read_page_by_page(
    empty_bucket, monkeypatch, limit
):
    frozen, folders = [], []
    monkeypatch.setattr(listing_ahead, "SLOW_STORE", 0)  # however busy this machine is
    with benchmark("list_server").list_server(6000, "dated", delay_ms=20) as access:
        for alone in (3, 10**9):
            monkeypatch.setattr("shoal.stores.listing_ahead.ALONE_PAGES", alone)
            source = S3Store(access, "images")
            asked = counting(source, monkeypatch)
            frozen.append(frozen_by(source, empty_bucket, limit))
            folders.append({prefix for prefix, _, delimiter in asked if prefix and not delimiter})
    assert frozen[0] == frozen[1]
    assert frozen[0][0]["counts"]["images"] == (limit or 6000)
    days = {f"2022/01/{day:02d}/" for day in range(1, 6)}
    assert folders == [days if limit is None else set(), set()], "a limit takes the first ones of the store's own order"


def test_folders_of_a_real_store_are_frozen_as_it_lists_them_page_by_page(empty_bucket, monkeypatch):
    monkeypatch.setattr("shoal.stores.s3_lister.PAGE_KEYS", 4)
    monkeypatch.setattr(listing_ahead, "SLOW_STORE", 0)
    for folder in ("", "a/", "a/b c/", "a-b/", "a+b/", "a0/", "ñandú/照片/", "z/2026/"):
        for number in range(5 if folder else 1):
            empty_bucket.put(f"{folder}{number}.jpg", folder.encode() + b"\xff\xd8")
    source, frozen = empty_bucket.stores.source, []
    for alone in (1, 10**9):
        monkeypatch.setattr(listing_ahead, "ALONE_PAGES", alone)
        asked = counting(source, monkeypatch)
        frozen.append(frozen_by(source, empty_bucket))
        if alone == 1:
            assert {"a/", "a-b/", "a+b/", "ñandú/"} <= {prefix for prefix, _, _ in asked}
    assert frozen[0] == frozen[1]
    assert frozen[0][0]["counts"]["images"] == 36


ORDERS = {
    "by code point": str,
    "by UTF-16": lambda key: key.encode("utf-16-be"),
    "folders first": lambda key: [(0, name) for name in key.split("/")[:-1]] + [(1, key)],
    "backwards": lambda key: [-ord(character) for character in key] + [1],
}
names = st.text(st.sampled_from("ab-0é海🐟"), min_size=1, max_size=2)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    folders=st.sets(st.lists(names, max_size=3).map(lambda path: "".join(f"{name}/" for name in path)), max_size=5),
    order=st.sampled_from(sorted(ORDERS)),
    twice=st.booleans(),
)
def test_a_listing_by_folders_is_frozen_as_one_read_page_by_page_whatever_the_store_s_order(
    empty_bucket, folders, order, twice
):
    keys = [f"{folder}{n:02d}.jpg" for folder in folders for n in range(len(folder) * 9)] + ["a.jpg", "z.txt"]
    listed = [key for key in sorted(set(keys), key=ORDERS[order]) for _ in range(1 + (twice and key.endswith("3.jpg")))]
    source, frozen = empty_bucket.stores.source, []
    for alone in (1, 10**9):
        bucket = ListedBucket(listed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(listing_ahead, "ALONE_PAGES", alone)
            patch.setattr(listing_ahead, "SLOW_STORE", 0)
            patch.setattr(source, "_list_pages", bucket.list)
            frozen.append(frozen_by(source, empty_bucket))
    assert frozen[0] == frozen[1]


def test_a_mount_is_refused_where_one_directory_holds_too_much(monkeypatch):
    monkeypatch.setattr("shoal.bucket.directory_sizes.MOUNTABLE_FAN_OUT", 3)
    counted(f"cam1/{n}.jpg" for n in range(3)).largest.check()
    with pytest.raises(ConfigError, match=r"Directory 'cam1/' holds 4 objects .*, a mount takes 3: .* - set .*direct"):
        counted(f"cam1/{n}.jpg" for n in range(4)).largest.check()


def test_a_limited_listing_counts_its_last_directory_on(few_images, monkeypatch):
    monkeypatch.setattr("shoal.bucket.directory_sizes.MOUNTABLE_FAN_OUT", 4)
    source, scope = few_images.dataset.source, Scope("", 2)
    for mounts, entries in ((True, 6), (False, 2)):
        with open_database(few_images.stores.results) as database:
            listing = freeze_listing(few_images.stores.source, source, scope, database, "l.json", mounts=mounts)
        assert (listing.counts.images, listing.largest) == (2, ("IPC608/", entries))


def test_counting_a_directory_on_ends_with_it_and_where_a_mount_is_refused_anyway(monkeypatch):
    monkeypatch.setattr("shoal.bucket.directory_sizes.MOUNTABLE_FAN_OUT", 3)
    fan_out, rest = counted(["a/1"]), iter(["a/2", "b/1", "b/2"])
    fan_out.finish(rest)
    assert (fan_out.largest, next(rest)) == (("a/", 2), "b/2")
    endless = (f"a/{n}" for n in range(3, 10**12))
    fan_out.finish(endless)
    assert fan_out.largest == ("a/", 5)


def test_odd_keys_go_all_the_way_and_are_failed_by_name(odd_bucket):
    done = odd_bucket.run()
    assert done.balance.fates["failed"] == len(ODD_KEYS)
    assert set(odd_bucket.rows(done)) == set(ODD_KEYS)
    report = odd_bucket.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()
    assert "<b>html</b>" not in report


def test_ignored_keys_are_counted_and_never_inferred(odd_bucket):
    source = {**odd_bucket.dataset.source.model_dump(), "ignore": ["plain.jpg"]}
    done = odd_bucket.with_settings(source=source).run()
    assert done.summary["result"]["left_out"]["ignored"] == 1
    assert "plain.jpg" not in odd_bucket.rows(done)
