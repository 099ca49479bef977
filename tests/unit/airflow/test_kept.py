"""What pages read is read once for all, and a store that hangs holds up nobody for long."""

import asyncio
import threading
import time

import pytest

from shoal.airflow.pages.kept import MOST_HANGING, Kept
from shoal.contract.errors import ConfigError, NoAnswerError, StoreError

DEADLINE_S = 2.0
"""So long is waited for what hangs."""

AT_ONCE_S = 60.0
"""So long a busy machine may take for what is there at once."""


@pytest.fixture
def kept():
    return Kept(threads=4, most=8, deadline_s=DEADLINE_S)


def get(kept, read, *, place="reef", key="x", fresh_s=60.0, deadline_s=AT_ONCE_S):
    return asyncio.run(kept.get(place, key, read, fresh_s=fresh_s, deadline_s=deadline_s))


def test_a_hundred_who_look_at_once_read_once(kept):
    reads = []

    def read():
        reads.append(1)
        time.sleep(0.05)
        return 7

    async def look():
        looks = (kept.get("reef", "x", read, fresh_s=60.0, deadline_s=AT_ONCE_S) for _ in range(100))
        return await asyncio.gather(*looks)

    assert {seen.value for seen in asyncio.run(look())} == {7}
    assert get(kept, read).value == 7
    assert len(reads) == 1


def test_what_is_old_is_read_again_and_what_nobody_asked_for_is_let_go(kept):
    values = iter(range(100))
    assert [get(kept, lambda: next(values), fresh_s=0.0).value for _ in range(3)] == [0, 1, 2]
    for key in range(20):
        get(kept, lambda: None, key=key)
    assert len(kept._entries) <= 8


def test_a_store_that_hangs_is_told_of_in_time_hardly_tried_and_keeps_no_other_waiting(kept):
    stuck, begun = threading.Event(), []

    def hang():
        begun.append(1)
        stuck.wait(60)

    try:
        started_s = time.monotonic()
        for key in ("a", "b", "c", "d", "e", "f"):
            with pytest.raises(
                NoAnswerError, match=r"reef has not answered since 2\d{3}-.* UTC - see whether it is up"
            ):
                get(kept, hang, key=key, deadline_s=DEADLINE_S)
        assert time.monotonic() - started_s < 45, "each of them would hang for a minute"
        assert len(begun) == MOST_HANGING, "one at a time, to see whether it answers again"
        assert get(kept, lambda: 3, place="jetty", key="g").value == 3
    finally:
        stuck.set()


@pytest.fixture
def slow(kept):
    """One thing that takes far longer than anybody waits, being read; its store answers all else."""
    begun, stuck = [], threading.Event()

    def read():
        begun.append(1)
        stuck.wait(60)
        return "slow"

    with pytest.raises(NoAnswerError, match="has not answered since"):
        get(kept, read, key="slow", deadline_s=DEADLINE_S)
    yield begun, read, stuck
    stuck.set()


def test_one_thing_that_takes_long_says_nothing_of_the_others(kept, slow):
    _, read, stuck = slow

    async def look():
        looks = (kept.get("reef", key, lambda: 7, fresh_s=60.0, deadline_s=AT_ONCE_S) for key in range(6))
        return await asyncio.gather(*looks)

    assert {seen.value for seen in asyncio.run(look())} == {7}
    time.sleep(DEADLINE_S + 0.1)
    get(kept, lambda: 7, key="another")
    with pytest.raises(NoAnswerError, match=r"^reef answers, and has not given all of this yet since 2.* UTC - load"):
        get(kept, read, key="slow", deadline_s=DEADLINE_S)
    stuck.set()
    assert get(kept, read, key="slow").value == "slow"


def test_what_is_being_read_is_not_forgotten_for_others_that_are_asked_for(kept, slow):
    begun, read, _ = slow
    for key in range(20):
        get(kept, lambda: 7, place="jetty", key=key)
    assert len(kept._entries) <= 8
    with pytest.raises(NoAnswerError):
        get(kept, read, key="slow", deadline_s=DEADLINE_S)
    assert begun == [1]


class Stream:
    """An object on its way, with a connection that somebody has to let go."""

    def __init__(self):
        self.closed = threading.Event()

    def close(self):
        self.closed.set()


@pytest.mark.parametrize("goes", [False, True], ids=["he waits in vain", "he goes away"])
def test_what_one_person_asked_for_and_did_not_wait_for_is_let_go_and_not_kept(kept, goes):
    stream, begun, stuck = Stream(), threading.Event(), threading.Event()

    def read():
        begun.set()
        stuck.wait(60)
        return stream

    async def look():
        deadline_s = AT_ONCE_S if goes else DEADLINE_S
        asked = asyncio.ensure_future(kept.get("reef", object(), read, fresh_s=0.0, keep=False, deadline_s=deadline_s))
        assert await asyncio.to_thread(begun.wait, 30)
        if goes:
            asked.cancel()
        with pytest.raises(asyncio.CancelledError if goes else NoAnswerError):
            await asked

    asyncio.run(look())
    assert not stream.closed.is_set()
    stuck.set()
    assert stream.closed.wait(30)
    assert kept._entries == {}


def test_what_one_person_took_is_his_and_not_kept(kept):
    stream = Stream()
    taken = kept.get("reef", object(), lambda: stream, fresh_s=0.0, keep=False, deadline_s=AT_ONCE_S)
    assert asyncio.run(taken).value is stream
    assert (kept._entries, stream.closed.is_set()) == ({}, False)


def test_what_was_read_before_is_shown_with_its_time_where_the_store_fails(kept):
    assert get(kept, lambda: 5, fresh_s=0.0).trouble == ""

    def fail():
        raise StoreError("Bucket is away")

    seen = get(kept, fail, fresh_s=0.0)
    assert (seen.value, seen.trouble) == (5, "Bucket is away")


def test_a_mistake_is_told_and_not_hidden_by_what_was_read_before(kept):
    get(kept, lambda: 5, fresh_s=0.0)

    def refuse():
        raise ConfigError("No such run")

    with pytest.raises(ConfigError, match="No such run"):
        get(kept, refuse, fresh_s=0.0)
