"""Pictures for many who look at once: each is made once, kept in bounded memory, and waits for no store for long."""

import threading
import time
from dataclasses import replace

import pytest

from shoal.contract import asked_process
from shoal.pictures.drawing import Drawing, PictureLimits
from shoal.pictures.pool import NEVER_COME, PicturePool
from shoal.stores.images import Fetched
from waiting import wait_until
from worker.images import encoded, photo

JPEG = encoded(photo(), ".jpg")
LIMITS = PictureLimits(memory_bytes=512 * 1024**2, seconds=60.0, fetch_seconds=60.0)
HURRIED = replace(LIMITS, fetch_seconds=0.2)


class Bucket:
    """A store that counts what it is asked for, and keeps quiet about keys that begin with `never`."""

    def __init__(self):
        self.asked = []
        self.goes_on = threading.Event()

    def read(self, key, object_version, size_bytes):
        self.asked.append(key)
        if key.startswith("never"):
            self.goes_on.wait(60)
        return Fetched(JPEG, version_checked=True)


@pytest.fixture
def bucket():
    bucket = Bucket()
    yield bucket
    bucket.goes_on.set()


@pytest.fixture
def pool():
    pool = PicturePool(LIMITS, processes=1, kept_bytes=15_000)
    yield pool
    pool.close()


@pytest.fixture
def ask(pool, bucket):
    return lambda key, side_px=160: pool.picture(
        "place", bucket, Drawing(key, "v1", len(JPEG), long_side_px=side_px), LIMITS
    )


def test_a_picture_is_made_once_for_all_and_let_go_where_others_need_its_room(ask, bucket):
    first = ask("a")
    assert ask("a") == first
    assert bucket.asked == ["a"]
    assert ask("a", side_px=80) != first
    others = [ask(f"{n}") for n in range(8)]
    assert sum(len(one.jpeg) for one in others) > 15_000
    assert ask("a") == first
    assert bucket.asked.count("a") == 3


def test_a_store_that_never_answers_is_not_asked_for_ever_more(pool, ask, bucket):
    pool._limits = HURRIED
    began = time.monotonic()
    whys = {ask(f"never {n}").why.split(":")[0] for n in range(NEVER_COME + 2)}
    assert whys == {"it did not come from its store within 0.2 s", "its store does not answer"}
    wait_until(lambda: len(bucket.asked) >= NEVER_COME)
    assert len(bucket.asked) == NEVER_COME
    assert time.monotonic() - began < 45, "each of them would hang for a minute"
    pool._limits = LIMITS
    bucket.goes_on.set()
    assert ask("b").jpeg


def test_why_there_is_no_picture_is_told_again_without_asking_again(pool, ask, bucket):
    pool._limits = HURRIED
    assert ask("never") == ask("never")
    wait_until(lambda: bucket.asked)
    assert bucket.asked == ["never"]


def test_where_nothing_can_be_drawn_no_process_is_started_for_each_picture(ask, bucket, monkeypatch):
    monkeypatch.setattr(asked_process.sys, "executable", "/nobody/has/python")
    whys = {ask(f"{n}").why for n in range(5)}
    assert len(whys) == 1
    assert whys.pop().startswith("no process for pictures could be started: ")
    assert bucket.asked == ["0"]
