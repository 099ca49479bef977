"""What pages read is read once for all, and a store that hangs holds up nobody for long."""

import asyncio
import threading
import time

import pytest

from shoal.airflow.pages.kept import Kept
from shoal.contract.errors import ConfigError, NoAnswerError, StoreError


@pytest.fixture
def kept():
    return Kept(threads=4, most=8, deadline_s=0.3)


def get(kept, read, *, place="reef", key="x", fresh_s=60.0):
    return asyncio.run(kept.get(place, key, read, fresh_s=fresh_s))


def test_a_hundred_who_look_at_once_read_once(kept):
    reads = []

    def read():
        reads.append(1)
        time.sleep(0.05)
        return 7

    async def look():
        return await asyncio.gather(*(kept.get("reef", "x", read, fresh_s=60.0) for _ in range(100)))

    assert {seen.value for seen in asyncio.run(look())} == {7}
    assert get(kept, read).value == 7
    assert len(reads) == 1


def test_what_is_old_is_read_again_and_what_nobody_asked_for_is_let_go(kept):
    values = iter(range(100))
    assert [get(kept, lambda: next(values), fresh_s=0.0).value for _ in range(3)] == [0, 1, 2]
    for key in range(20):
        get(kept, lambda: None, key=key)
    assert len(kept._entries) <= 8


def test_a_store_that_hangs_is_told_of_in_time_begun_once_and_keeps_no_other_waiting(kept):
    stuck, begun = threading.Event(), []

    def hang():
        begun.append(1)
        stuck.wait(20)

    try:
        started = time.monotonic()
        for key in ("a", "b", "c", "d", "e", "f"):
            with pytest.raises(
                NoAnswerError, match=r"reef has not answered since 2\d{3}-.* UTC - see whether it is up"
            ):
                get(kept, hang, key=key)
        assert time.monotonic() - started < 4
        assert len(begun) == 1, "while one hangs, no other is begun there"
        assert get(kept, lambda: 3, place="jetty", key="g").value == 3
    finally:
        stuck.set()


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
