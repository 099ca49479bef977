"""How many threads fetch: more while the model waits for a store that is far away or slow, as long as that helps."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FETCHERS = 4
"""Threads that fetch and decode: requests wait for the store, not for the CPU."""

MOST_FETCHERS = 32
"""40 images a second come so where each read takes most of a second. The memory of all is that of a budget."""

LOOK_S = 2.0
"""Between two looks: shorter ones tell chance from a rate no better."""

WAITS = 0.1
"""Share of its time for which a model may wait before anything is done about it."""

BY_READING = 0.6
"""Share of a fetcher's time that goes to reading where the store is why, and not decoding."""

HELPS = 1.15
"""Twice as many threads have to bring so much more, else there are no more: the store, the way to it or the CPU is full."""


class Spent:
    """Seconds that several threads spent on one thing; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.seconds = 0.0
        self.times = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what is done within."""
        began = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self.seconds += self._clock() - began
                self.times += 1


class FetchAhead:
    """Counts for what the model waits, and says when more threads are to fetch.

    Args:
        fetchers: Threads to begin with.
        reads: What reads took.
        most: Threads at most.
        clock: Seconds that only grow.
    """

    def __init__(
        self, fetchers: int, reads: Spent, most: int = MOST_FETCHERS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.fetchers = fetchers
        self.most = max(fetchers, most)
        self.prepared = Spent(clock)
        """Images that were read and decoded."""
        self._reads = reads
        self._clock = clock
        self._waited_s = 0.0
        self._waits_since: float | None = None
        self._last = self._now()
        self._told = {"log": self._last, "note": self._last}
        self._last_images = 0
        self._rate_before = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count that the model, which is one thread, has nothing to look at."""
        self._waits_since = since = self._clock()
        try:
            yield
        finally:
            self._waited_s += self._clock() - since
            self._waits_since = None

    def more(self) -> int:
        """Say how many further threads are to fetch now: as many again, while a store is waited for and the last ones helped."""
        now, images = self._now(), self.prepared.times
        elapsed_s, count = now[0] - self._last[0], images - self._last_images
        if self.fetchers >= self.most or elapsed_s < LOOK_S or count < 2 * self.fetchers:
            return 0
        waits, rate = _waits_for_store(self._last, now), count / elapsed_s
        self._last, self._last_images = now, images
        if waits < WAITS:
            return 0
        if rate < HELPS * self._rate_before:
            self.most = self.fetchers
            return 0
        self._rate_before = rate
        more = min(self.fetchers, self.most - self.fetchers)
        self.fetchers += more
        return more

    def tell(self) -> str:
        """Say for how much of the time since the last word the model waited for the store; empty where that is little."""
        waits = self.share("log")
        if waits < 0.5:
            return ""
        return f"waits for the store {waits:.0%} of the time, with {self.fetchers} reads at once"

    def share(self, whom: str = "note") -> float:
        """Tell the share of the time since the last word to the same (`log`, `note`) for which the model waited for the store."""
        now = self._now()
        waits, self._told[whom] = _waits_for_store(self._told[whom], now), now
        return waits

    def _now(self) -> tuple[float, float, float, float]:
        now, since, waited_s = self._clock(), self._waits_since, self._waited_s
        return now, waited_s + (now - since if since is not None else 0.0), self._reads.seconds, self.prepared.seconds


def _waits_for_store(before: tuple[float, ...], now: tuple[float, ...]) -> float:
    """Tell the share of a time for which the model had nothing to look at because of reads; nothing where decoding is why."""
    elapsed_s, waited_s, read_s, prepared_s = (one - other for one, other in zip(now, before, strict=True))
    if elapsed_s <= 0 or read_s < BY_READING * prepared_s:
        return 0.0
    return min(1.0, waited_s / elapsed_s)
