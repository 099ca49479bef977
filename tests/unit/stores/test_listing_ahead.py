"""What is listed by several threads ahead is what is listed page by page: the same objects in the same order."""

import threading
import time
from collections import Counter
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.contract.errors import AccessDeniedError, StoreError
from shoal.stores import listing_ahead, listing_folders
from shoal.stores.listing_folders import HELD_PAGES, LOOK_PAGES
from waiting import wait_until
from worker.listed_bucket import PAGE, ListedBucket


@pytest.fixture(autouse=True)
def no_thread_is_left(monkeypatch):
    monkeypatch.setattr(listing_ahead, "SLOW_STORE", 0)
    yield
    wait_until(
        lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("listing-")],
        what="no thread go on listing for nobody",
        pause_s=0.02,
    )


def dated(count):
    return [f"cam/2026/{1 + i // 1200:02d}/{1 + i // 40 % 30:02d}/{i % 40:02d}.jpg" for i in range(count)]


def flat(count):
    return [f"IPC608/IMG_{number:07d}.jpg" for number in range(count)]


SKEWED = [*(f"a{i}/x.jpg" for i in range(4)), *dated(1500), *(f"z{i}/x.jpg" for i in range(9))]

LAYOUTS = {
    "dated folders": dated(2000),
    "one folder holds nearly everything": SKEWED,
    "folders, keys beside them and markers": [
        f"{name}{rest}" for name in ("a", "a-b", "a0", "b") for rest in ("", "/", *(f"/{i:03d}.jpg" for i in range(150)))
    ],
    "Unicode": [f"{place}/照片 {i:03d}.jpg" for place in ("ñandú", "Ωmega", "海", "🐟") for i in range(150)],
    "empty parts and a leading slash": [f"{place}{i:03d}.jpg" for place in ("/a/", "a//", "a/b//c/", "//") for i in range(150)],
    "below names of every kind": [f"{place}/{i:03d}.jpg" for place in ("a+b", "a b", "a%20b", "..", ".x", "A") for i in range(90)],
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_folders_are_listed_side_by_side_as_page_by_page(layout):
    bucket = ListedBucket(sorted(LAYOUTS[layout]), pause_s=0.001)
    assert list(bucket.ahead()) == bucket.objects
    assert bucket.folders, "nothing was listed by itself"


def test_a_file_beside_each_of_many_folders_holds_nobody_up(monkeypatch):
    """As keys that are known they are more than the pages that may be read ahead."""
    monkeypatch.setattr(listing_folders, "LOOK_PAGES", 50)
    days = [f"{day:04d}" for day in range(100)]
    keys = [*(f"{day}.csv" for day in days), *(f"{day}/{i:03d}.jpg" for day in days for i in range(PAGE + PAGE // 5))]
    bucket = ListedBucket(sorted(keys), pause_s=0.004)
    found = []

    def read_slowly():
        for image in bucket.ahead():
            found.append(image)
            if len(found) % PAGE == 0:
                time.sleep(0.002)

    reader = threading.Thread(target=read_slowly, daemon=True)
    reader.start()
    reader.join(60)
    assert found == bucket.objects
    assert len(bucket.folders) > 90


WITHOUT_FOLDERS = {
    "a camera folder, flat": flat(2000),
    "thousands of small folders": [f"{i * 7919 % 65536:04x}/{j}.jpg" for i in range(700) for j in range(3)],
    "numbers without zeros": [f"{i}.jpg" for i in range(2000)],
}


@pytest.mark.parametrize("layout", WITHOUT_FOLDERS)
def test_where_folders_do_not_pay_the_listing_is_read_in_one_line(layout):
    bucket = ListedBucket(sorted(WITHOUT_FOLDERS[layout]), pause_s=0.0005)
    assert list(bucket.ahead()) == bucket.objects
    assert len(bucket.asked) <= len(bucket.keys) / PAGE + 4
    assert not bucket.folders


def test_many_thin_folders_behind_a_large_one_are_left(monkeypatch):
    monkeypatch.setattr(listing_folders, "LOOK_PAGES", 50)
    bucket = ListedBucket(sorted([*(f"0/{i:04d}.jpg" for i in range(400)), *(f"f{i:03d}/x.jpg" for i in range(900))]))
    assert list(bucket.ahead()) == bucket.objects
    assert "f000/" in bucket.folders, "it was tried"
    assert len(bucket.asked) < 250, "the listing has 52 pages, and was begun twice"


names = st.text(st.sampled_from("01ab/-_é海🐟"), min_size=1, max_size=8)
ORDERS = {
    "by code point": str,
    "by UTF-16": lambda key: key.encode("utf-16-be"),
    "without case": str.casefold,
    "folders first": lambda key: ("/" not in key, key),
    "backwards within a name": lambda key: key[::-1],
    "none": lambda key: Random(key).random(),
}
STORES = {
    "an honest store": {},
    "one that passes over the delimiter": {"knows_delimiter": False},
    "one that shows folders and all keys": {"knows_delimiter": "both"},
    "one that takes other prefixes for another one": {
        "sees": lambda prefix: prefix.replace("é", "e").replace("//", "/")
    },
    "one that passes over prefixes": {"sees": lambda _: ""},
    "one that strips a leading slash": {"sees": lambda prefix: prefix.lstrip("/")},
    "one that denies folders": {"refuses": lambda _, delimiter: bool(delimiter)},
    "one that denies some of what lies in folders": {"refuses": lambda prefix, _: "a" in prefix or "/0" in prefix},
    "one that denies all that lies in folders": {"refuses": lambda prefix, _: bool(prefix)},
}


@settings(max_examples=150)
@given(
    st.sets(names, max_size=9).flatmap(
        lambda heads: st.tuples(*(st.tuples(st.just(head), st.sampled_from([1, 3, 40, 130])) for head in sorted(heads)))
    ),
    st.sampled_from(sorted(ORDERS)),
    st.sampled_from(sorted(STORES)),
    st.booleans(),
)
def test_any_bucket_of_any_store_is_listed_whole_and_each_key_as_often_as_it_is_shown(heads, order, store, twice):
    keys = sorted({f"{head}{i:03d}" for head, count in heads for i in range(count)}, key=ORDERS[order])
    if twice:  # of some keys the store shows two objects, one after the other
        keys = [key for number, key in enumerate(keys) for _ in range(1 + (number % 13 == 0))]
    bucket = ListedBucket(keys, **STORES[store])
    found = list(bucket.ahead())
    assert Counter(found) == Counter(bucket.objects)
    if order == "by code point":
        assert found == bucket.objects


@pytest.mark.parametrize("whole", [True, False], ids=["all of it", "as far as somebody reads"])
def test_an_error_comes_where_the_reader_comes_to_it_and_in_its_own_words(whole):
    bucket = ListedBucket(flat(3000))
    bucket.failing = {bucket.keys[2010]: StoreError("Request for bucket 'fish' failed: SlowDown - ask less")}
    seen = []
    with pytest.raises(StoreError, match=r"^Request for bucket 'fish' failed: SlowDown - ask less$"):
        seen.extend(found.key for found in bucket.ahead(whole=whole))
    assert seen == bucket.keys[:2000]


def test_an_error_within_a_folder_is_that_of_the_listing():
    bucket = ListedBucket(dated(2000))
    bucket.failing = {bucket.keys[1010]: StoreError("Request for bucket 'fish' failed: SlowDown - ask less")}
    seen = []
    with pytest.raises(StoreError, match=r"^Request for bucket 'fish' failed: SlowDown - ask less$"):
        seen.extend(found.key for found in bucket.ahead())
    assert seen == bucket.keys[:1000]


def test_a_folder_that_nobody_may_list_ends_the_listing_as_the_listing_itself_ends():
    bucket = ListedBucket(dated(2000), refuses=lambda prefix, _: "/01/2" in prefix)
    bucket.failing = {
        bucket.keys[1010]: AccessDeniedError("Access to bucket 'fish' denied (AccessDenied) - check its rights")
    }
    seen = []
    with pytest.raises(
        AccessDeniedError, match=r"^Access to bucket 'fish' denied \(AccessDenied\) - check its rights$"
    ):
        seen.extend(found.key for found in bucket.ahead())
    assert seen == bucket.keys[:1000]


def test_objects_that_come_and_go_meanwhile_harm_nobody_else():
    stay = dated(4000)
    bucket = ListedBucket(stay, pause_s=0.001)
    goes = set(stay[::7])
    seen = []
    for number, found in enumerate(bucket.ahead()):
        seen.append(found.key)
        if number % 100 == 0:
            with bucket.lock:
                new = f"{stay[number]}-new.jpg"
                bucket.versions[new] = "new"
                gone = {key for key in goes if key < stay[min(number + 300, 3999)]}
                bucket.keys = sorted({*bucket.keys, new} - gone)
    assert seen == sorted(set(seen))
    assert set(stay) - goes <= set(seen)


@pytest.mark.parametrize(
    ("token", "slow"),
    [
        pytest.param("more", 1000.0, id="a store that answers faster than this process reads"),
        pytest.param(
            "MjAyMi94LmpwZ1ttaW5pb19jYWNoZTp2MixyZXR1cm46XQ==", 0, id="MinIO, which begins anew for each folder"
        ),
    ],
)
def test_where_it_does_not_pay_no_folder_is_listed_by_itself(monkeypatch, token, slow):
    monkeypatch.setattr(listing_ahead, "SLOW_STORE", slow)
    bucket = ListedBucket(dated(1000))
    bucket.token = token
    assert list(bucket.ahead()) == bucket.objects
    assert bucket.asked == [("", "")] * 40


def test_whoever_stops_early_has_asked_for_little():
    bucket = ListedBucket(flat(5000))
    listed = bucket.ahead(whole=False)
    assert [found.key for found in islice(listed, 3 * PAGE)] == bucket.keys[: 3 * PAGE]
    assert len(bucket.asked) == 3
    next(listed)
    time.sleep(0.2)
    listed.close()
    assert bucket.asked == [("", "")] * len(bucket.asked)
    assert len(bucket.asked) <= 3 + listing_ahead.MOST_PAGES + 1


def test_what_is_read_ahead_of_a_slow_reader_is_bounded():
    bucket = ListedBucket(dated(6000))
    listed = bucket.ahead()
    next(listed)
    for _ in range(50):
        asked = len(bucket.asked)
        time.sleep(0.02)
        if asked == len(bucket.asked):
            break
    levels = 4 * (HELD_PAGES + LOOK_PAGES)
    assert asked <= listing_ahead.MOST_PAGES + listing_ahead.THREADS + 20 * levels
    listed.close()


def test_folders_that_hold_their_marker_alone_are_passed_and_empty_ones_are_looked_for_around_them():
    keys = sorted([*dated(1500), "cam/2026/01/15/", "cam/2026/00/"])
    marked = ListedBucket([key for key in keys if not key.startswith("cam/2026/01/15/") or key.endswith("/")])
    assert list(marked.ahead()) == marked.objects
    assert "cam/2026/02/07/" in marked.folders, "it went on by folders"
    hidden = ListedBucket(keys, sees=lambda prefix: "nothing" if prefix == "cam/2026/01/15/" else prefix)
    assert list(hidden.ahead()) == hidden.objects
