"""What is listed by several threads ahead is what is listed page by page: the same objects in the same order."""

import threading
import time
from bisect import bisect_right
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.contract.errors import StoreError
from shoal.stores import listing_ahead
from shoal.stores.key_guess import guess_after
from shoal.stores.listing_ahead import list_ahead
from shoal.stores.object_store import ListedObject
from shoal.stores.s3_listing import ListingPage

PAGE = 25
MOMENT = datetime(2026, 6, 1, tzinfo=UTC)


class Bucket:
    """Lists objects as a store does, from any place on.

    Args:
        keys: In the store's order.
        order: What the store sorts by; None for one that passes over start-after.
        pause_s: Most that a page takes.
    """

    def __init__(self, keys, order=lambda key: key, pause_s=0.0):
        self.objects = [ListedObject(key, f"v{number}", number, MOMENT) for number, key in enumerate(keys)]
        self.places = None if order is None else [order(key) for key in keys]
        self.order, self.pause_s, self.random = order, pause_s, Random(7)
        self.requests, self.begun, self.token = 0, [], "more"
        self.failing = {}
        self.lock = threading.Lock()

    def list(self, after=""):
        """Give the pages from a place on; each goes on behind the last object of the one before."""
        if after:
            self.begun.append(after)
        last = None
        while True:
            with self.lock:
                self.requests += 1
                pause_s = self.random.random() * self.pause_s
            time.sleep(pause_s)
            with self.lock:
                place = self._find(after, last)
                objects, more = self.objects[place : place + PAGE], place + PAGE < len(self.objects)
            for failed, error in self.failing.items():
                if place <= failed < place + PAGE or (after and failed < 0):
                    raise error
            yield ListingPage(objects, self.token if more else None)
            if not more:
                return
            last = objects[-1]

    def _find(self, after, last):
        if last is None:
            return bisect_right(self.places, self.order(after)) if after and self.order else 0
        if last in self.objects:
            return self.objects.index(last) + 1
        return bisect_right(self.places, self.order(last.key))

    def ahead(self):
        for page in list_ahead(self.list(), self.list):
            yield from page.objects


@pytest.fixture(autouse=True)
def no_thread_is_left(monkeypatch):
    monkeypatch.setattr(listing_ahead, "SLOW_STORE", 0)
    yield
    for _ in range(200):
        if not [thread for thread in threading.enumerate() if thread.name.startswith("listing-")]:
            return
        time.sleep(0.02)
    raise AssertionError("a thread goes on listing for nobody")


LAYOUTS = {
    "a camera folder, flat": lambda n: [f"IPC608/IMG_{number:07d}.jpg" for number in range(n)],
    "dated folders": lambda n: [
        f"cam/2026/{1 + i // 1200:02d}/{1 + i // 40 % 30:02d}/{i % 40:02d}.jpg" for i in range(n)
    ],
    "one folder holds nearly everything": lambda n: [
        *(f"a{i}/x.jpg" for i in range(5)), *(f"m/big/{i:06d}.jpg" for i in range(n)), *(f"z{i}/x.jpg" for i in range(9))
    ],
    "thousands of small folders": lambda n: [f"{i * 7919 % 65536:04x}/{j}.jpg" for i in range(n // 3) for j in range(3)],
    "Unicode": lambda n: [f"{place}/照片 {i}.jpg" for place in ("ñandú", "Ωmega", "海", "🐟") for i in range(n // 4)],
    "numbers without zeros": lambda n: [f"{i}.jpg" for i in range(n)],
    "random names": lambda n: [f"{Random(i).getrandbits(64):016x}.jpg" for i in range(n)],
}  # fmt: skip


def by_code_point(key):
    return key


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_listed_as_page_by_page(layout):
    keys = sorted(LAYOUTS[layout](2000))
    bucket = Bucket(keys, pause_s=0.001)
    assert list(bucket.ahead()) == bucket.objects
    assert bucket.begun, "nothing was read ahead"
    assert bucket.requests <= 1.75 * len(keys) / PAGE


names = st.text(st.sampled_from("01289ab/-_é海"), min_size=1, max_size=8)
ORDERS = {
    "by code point": by_code_point,
    "by UTF-16": lambda key: key.encode("utf-16-be"),
    "without case": str.casefold,
    "folders first": lambda key: ("/" not in key, key),
    "backwards within a name": lambda key: key[::-1],
    "start-after is passed over": None,
}


@settings(max_examples=40, deadline=None)
@given(
    st.one_of(
        st.sets(names, max_size=60).map(lambda heads: [f"{head}{i:03d}" for head in heads for i in range(17)]),
        st.integers(0, 900).map(lambda n: [f"{i:05d}.jpg" for i in range(n)]),
    ),
    st.sampled_from(sorted(ORDERS)),
    st.booleans(),
)
def test_any_bucket_of_any_order_is_listed_as_page_by_page(keys, order, twice):
    keys = sorted(set(keys), key=ORDERS[order] or by_code_point)
    if twice:  # of some keys the store shows two objects, one after the other
        keys = [key for number, key in enumerate(keys) for _ in range(1 + (number % 13 == 0))]
    bucket = Bucket(keys, ORDERS[order])
    assert list(bucket.ahead()) == bucket.objects


def test_a_key_that_stands_in_two_places_is_no_place_where_listings_meet():
    keys = [key for i in range(1500) for key in ([f"{i:05d}.jpg"] if i % 5 else [f"{i:05d}.jpg", "same\ufffd.jpg"])]
    bucket = Bucket(keys)
    bucket.places = [f"{i:05d}.jpg" for i in range(1500) for _ in range(1 if i % 5 else 2)]
    assert list(bucket.ahead()) == bucket.objects


def test_objects_that_come_and_go_meanwhile_harm_nobody_else():
    bucket = Bucket([f"{i:05d}.jpg" for i in range(0, 6000, 2)], pause_s=0.001)
    goes = {found.key for number, found in enumerate(bucket.objects) if number % 7 == 0}
    seen = []
    for number, found in enumerate(bucket.ahead()):
        seen.append(found.key)
        if number % 100 == 0:
            with bucket.lock:
                kept = [one for one in bucket.objects if one.key not in goes or one.key > f"{number * 2 + 300:05d}"]
                new = ListedObject(f"{number * 2 + 1:05d}.jpg", "new", 1, MOMENT)
                bucket.objects = sorted({*kept, new}, key=lambda one: one.key)
                bucket.places = [one.key for one in bucket.objects]
    assert seen == sorted(set(seen))
    assert {f"{i:05d}.jpg" for i in range(0, 6000, 2)} - goes <= set(seen)


def test_an_error_comes_where_the_reader_comes_to_it_and_in_its_own_words():
    bucket = Bucket([f"{i:05d}.jpg" for i in range(3000)])
    bucket.failing = {2010: StoreError("Request for bucket 'fish' failed again and again: SlowDown - ask less")}
    seen = []
    with pytest.raises(StoreError, match=r"^Request for bucket 'fish' failed again and again: SlowDown - ask less$"):
        seen.extend(found.key for found in bucket.ahead())
    assert seen == [f"{i:05d}.jpg" for i in range(len(seen))]
    assert 1900 < len(seen) <= 2010


def test_a_store_that_cannot_begin_elsewhere_is_listed_page_by_page():
    bucket = Bucket([f"{i:05d}.jpg" for i in range(1000)])
    bucket.failing = {-1: StoreError("NotImplemented")}
    assert list(bucket.ahead()) == bucket.objects
    assert len(bucket.begun) <= listing_ahead.THREADS


@pytest.mark.parametrize(
    ("token", "slow"),
    [
        pytest.param("more", 1000.0, id="a store that answers faster than this process reads"),
        pytest.param(
            "MjAyMi94LmpwZ1ttaW5pb19jYWNoZTp2MixyZXR1cm46XQ==", 0, id="MinIO, which walks its drives anew for it"
        ),
    ],
)
def test_where_it_does_not_pay_nothing_is_begun_elsewhere(monkeypatch, token, slow):
    monkeypatch.setattr(listing_ahead, "SLOW_STORE", slow)
    bucket = Bucket([f"{i:05d}.jpg" for i in range(1000)])
    bucket.token = token
    assert (list(bucket.ahead()), bucket.begun, bucket.requests) == (bucket.objects, [], 40)


def test_whoever_stops_early_has_asked_for_little():
    bucket = Bucket([f"{i:05d}.jpg" for i in range(100_000)])
    listed = bucket.ahead()
    assert [next(listed).key for _ in range(3 * PAGE)] == [f"{i:05d}.jpg" for i in range(3 * PAGE)]
    assert bucket.requests == 3
    next(listed)
    time.sleep(0.2)
    listed.close()
    assert bucket.requests <= 3 + listing_ahead.MOST_PAGES + listing_ahead.THREADS


@pytest.mark.parametrize(
    ("first", "last", "pages", "guess"),
    [
        pytest.param("IMG_0100.jpg", "IMG_0200.jpg", 8, "IMG_1000.jpg", id="a number"),
        pytest.param("cam/2026/01/05/x", "cam/2026/01/07/x", 2, "cam/2026/01/11/x", id="a date"),
        pytest.param("2026/01/28/x", "2026/01/30/x", 4, "2026/01/38/x", id="past the end of a month: before the next"),
        pytest.param("a/IMG_7.jpg", "a/IMG_9.jpg", 8, "a/IMG_~", id="past all that begins so"),
        pytest.param("09ff", "0a05", 8, "0a35", id="hexadecimal"),
        pytest.param("same", "same", 8, None, id="no step"),
        pytest.param("b", "a", 8, None, id="not in order"),
    ],
)
def test_a_place_ahead_is_guessed_from_how_keys_go_on(first, last, pages, guess):
    assert guess_after(first, last, pages) == guess


@settings(deadline=None)
@given(st.text(), st.text(), st.integers(2, 20))
def test_a_guess_lies_ahead_and_can_be_asked_for(first, last, pages):
    guess = guess_after(first, last, pages)
    assert guess is None or (guess > last and guess.encode())
