"""How many threads read: more while the model waits for a store that is far away or slow, as long as that helps.

Reads alone grow. However many there are, no more images are decoded at once than a worker begins with: memory is that of before.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

FETCHERS = 4
"""Threads that fetch and decode: requests wait for the store, not for the CPU."""

MOST_FETCHERS = 32
"""40 images a second come so where each read takes most of a second; a source may take fewer. Bytes of all are of one budget."""

LOOK_S = 2.0
"""Between two looks: shorter ones tell chance from a rate no better."""

WAITS = 0.1
"""Share of its time for which a model may wait before anything is done about it."""

BY_READING = 0.6
"""Share of a fetcher's time that goes to reading where the store is why, and not decoding."""

HELPS = 1.15
"""Twice as many threads have to bring so much more, else they go again: the store, the way to it or the CPU is full."""

AGAIN_S = 60.0
"""So long it is taken for known that more do not help: a store that was busy, or near, is another one a minute later."""


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


class _Waited(NamedTuple):
    """Seconds for which the model had nothing to look at, and since when it has none now: replaced as one, read as one."""

    seconds: float = 0.0
    since: float | None = None

    def until(self, now: float) -> float:
        return self.seconds + (0.0 if self.since is None else max(0.0, now - self.since))


class _Step(NamedTuple):
    """A doubling that is still to prove itself: threads before it, and what they brought in the look directly before."""

    fetchers: int
    rate: float


class FetchAhead:
    """Counts for what the model waits, and says when more threads are to fetch, or fewer again.

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
        """Images that were read and decoded, or are out of reach."""
        self._reads = reads
        self._clock = clock
        self._lock = threading.Lock()
        self._at_work = self._out_of_reach = 0
        self._waited = _Waited()
        self._last = self._now()
        self._told = {"log": self._last, "note": self._last}
        self._last_images = 0
        self._step: _Step | None = None
        self._not_before = self._last[0]

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count that the model, which is one thread, has nothing to look at."""
        since = self._clock()
        self._waited = _Waited(self._waited.seconds, since)
        try:
            yield
        finally:
            self._waited = _Waited(self._waited.seconds + self._clock() - since)

    def begun(self) -> None:
        """Note that a thread works."""
        with self._lock:
            self._at_work += 1

    def none_further(self) -> None:
        """Go on with the threads that work: no more can be begun here."""
        with self._lock:
            self.fetchers = self.most = self._at_work
            self._step = None

    def ends(self) -> bool:
        """Ask, as a thread between two images, whether one more than is wanted works; then it has to end."""
        with self._lock:
            if self._at_work <= self.fetchers:
                return False
            self._at_work -= 1
            return True

    def out_of_reach(self) -> None:
        """Note that what was prepared is no image: of those that a store refuses, more threads bring more, which is no help."""
        with self._lock:
            self._out_of_reach += 1

    def more(self) -> int:
        """Say how many further threads are to fetch now: as many again, while a store is waited for.

        Where the last ones did not help, there are as many as before from then on: threads that are too many see that by `ends`.
        """
        now, images = self._now(), self.prepared.times - self._out_of_reach
        elapsed_s, count = now[0] - self._last[0], images - self._last_images
        if elapsed_s < LOOK_S or count < 2 * self.fetchers:
            return 0
        waits, rate = _waits_for_store(self._last, now), count / elapsed_s
        self._last, self._last_images = now, images
        step, self._step = self._step, None
        if waits < WAITS:
            self._not_before = now[0]
        elif step is not None and rate < HELPS * step.rate:
            self.fetchers, self._not_before = step.fetchers, now[0] + AGAIN_S
        elif now[0] >= self._not_before and (more := min(self.fetchers, self.most - self.fetchers)):
            self._step = _Step(self.fetchers, rate)
            self.fetchers += more
            return more
        return 0

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
        now = self._clock()
        return now, self._waited.until(now), self._reads.seconds, self.prepared.seconds


def _waits_for_store(before: tuple[float, ...], now: tuple[float, ...]) -> float:
    """Tell the share of a time for which the model had nothing to look at because of reads; nothing where decoding is why."""
    elapsed_s, waited_s, read_s, prepared_s = (one - other for one, other in zip(now, before, strict=True))
    if elapsed_s <= 0 or read_s < BY_READING * prepared_s:
        return 0.0
    return min(1.0, waited_s / elapsed_s)
