"""What pages read, kept for seconds for all who look, in threads of its own: a store that hangs holds up none of Airflow's.

Each thing is read by one thread at a time, whoever asks. Whoever asks waits for seconds, and is then told what was read before,
or that the store does not answer and since when. That one thing takes long says nothing of the others: one at a time is tried.
"""

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Generic, NoReturn, TypeVar, cast

from shoal.contract.errors import NoAnswerError, ShoalError, StoreError

log = logging.getLogger(__name__)

T = TypeVar("T")

DEADLINE_S = 10.0
"""So long a person waits for a page."""

THREADS = 16
MOST_KEPT = 600
"""Things that are kept: a hundred datasets' lines, and what people look at."""

MOST_HANGING = 3
"""So many reads of one place may take longer than anybody waits; while none is answered, no further one is tried there."""

TROUBLE_S = 5.0
"""So long an error is told again before it is tried again."""


@dataclass(frozen=True)
class Seen(Generic[T]):
    """What was read.

    Attributes:
        value: It.
        read_at: When, UTC.
        trouble: Why it could not be read again since; empty where it could.
    """

    value: T
    read_at: datetime
    trouble: str = ""


@dataclass
class _Entry:
    place: str
    seen: Seen[Any] | None = None
    error: ShoalError | None = None
    tried_s: float = float("-inf")
    reading: "Future[Any] | None" = None
    began_at: datetime | None = None
    began_s: float = 0.0
    is_trial: bool = False
    waiting: int = 0
    """People who wait for it."""
    is_left: bool = False
    """Of one person who has gone: nobody else asks for what comes."""


@dataclass(frozen=True)
class _Wait:
    """What somebody waits for: his own read, or another one that shows whether the place answers."""

    reading: "Future[Any]"
    is_own: bool = True


class Kept:
    """Reads and keeps; thread-safe."""

    def __init__(self, threads: int = THREADS, most: int = MOST_KEPT, deadline_s: float = DEADLINE_S) -> None:
        """Nothing is read yet, and no thread is started.

        Args:
            threads: Reads at once.
            most: Things that are kept, those that were asked for last.
            deadline_s: Seconds that somebody waits.
        """
        self._threads = ThreadPoolExecutor(threads, "shoal-pages")
        self._most = most
        self._deadline_s = deadline_s
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._answered_s: dict[str, float] = {}
        self._lock = threading.Lock()

    async def get(
        self,
        place: str,
        key: Hashable,
        read: Callable[[], T],
        *,
        fresh_s: float,
        keep: bool = True,
        deadline_s: float | None = None,
    ) -> Seen[T]:
        """Give what was read in the last seconds, or read it.

        Args:
            place: Where it is read: while reads of a place hang and none is answered, others are begun one at a time.
            key: What it is.
            read: Reads it, in another thread.
            fresh_s: Seconds for which it is good.
            keep: Whether somebody else may ask for it; if not, what comes too late is closed, where it can be.
            deadline_s: Seconds that somebody waits for it; None as for all else.

        Raises:
            ShoalError: What `read` raised, where nothing was read before.
            NoAnswerError: The place does not answer, and nothing was read before.
        """
        until_s = time.monotonic() + (deadline_s or self._deadline_s)
        told: Seen[T] | None = None
        self._enter(place, key)
        try:
            while not isinstance(begun := self._begin(place, key, read, fresh_s), Seen):
                if begun is None:
                    break
                with suppress(Exception):  # what it raised, or that it is late, is told below
                    wait_s = max(0.0, until_s - time.monotonic())
                    await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(begun.reading)), wait_s)
                if begun.is_own or time.monotonic() >= until_s:
                    break
            told = self._tell(place, key)
            return told
        finally:
            self._leave(key, keep=keep, told=told is not None)

    def _enter(self, place: str, key: Hashable) -> None:
        with self._lock:
            self._entries.setdefault(key, _Entry(place)).waiting += 1
            self._entries.move_to_end(key)
            # One that is being read is remembered: else another one would be begun beside it.
            idle = (one for one, entry in self._entries.items() if entry.reading is None and not entry.waiting)
            for one in [*islice(idle, max(0, len(self._entries) - self._most))]:
                del self._entries[one]

    def _leave(self, key: Hashable, *, keep: bool, told: bool) -> None:
        with self._lock:
            entry = self._entries[key]
            entry.waiting -= 1
            if keep or entry.waiting:
                return
            if entry.reading is not None and not entry.reading.cancel():
                entry.is_left = True  # it is remembered for as long as it takes
                return
            del self._entries[key]
        if not told and entry.seen is not None:  # it came a moment too late
            _close(entry.seen.value)

    def _begin(self, place: str, key: Hashable, read: Callable[[], T], fresh_s: float) -> "Seen[T] | _Wait | None":
        with self._lock:
            entry, now_s = self._entries[key], time.monotonic()
            age_s = now_s - entry.tried_s
            if entry.seen is not None and entry.error is None and age_s < fresh_s:
                return entry.seen
            if entry.error is not None and age_s < TROUBLE_S:
                return None
            if entry.reading is not None:
                return _Wait(entry.reading)
            entry.is_trial = self._silent_since(place) is not None
            if entry.is_trial:
                others = [one for one in self._entries.values() if one.reading is not None and one.place == place]
                if trial := next((one for one in others if one.is_trial and not self._hangs(one)), None):
                    return _Wait(cast("Future[Any]", trial.reading), is_own=False)
                if sum(map(self._hangs, others)) >= MOST_HANGING:
                    return None
            entry.place, entry.began_at, entry.began_s = place, datetime.now(UTC), now_s
            entry.reading = self._threads.submit(self._read, key, entry, read)
            return _Wait(entry.reading)

    def _read(self, key: Hashable, entry: _Entry, read: Callable[[], T]) -> T | None:
        with self._lock:
            entry.began_at, entry.began_s = datetime.now(UTC), time.monotonic()  # it may have waited for a thread
            silent = None if entry.is_trial else self._silent_since(entry.place)
        try:
            value = read() if silent is None else _refuse(entry.place, silent)
        except Exception as err:
            if not isinstance(err, ShoalError):
                log.exception("Nothing could be read of %s", entry.place)
            with self._lock:
                entry.error = err if isinstance(err, ShoalError) else StoreError(f"{type(err).__name__}: {err}")
                self._end(key, entry)
            raise
        with self._lock:
            entry.seen, entry.error = Seen(value, datetime.now(UTC)), None
            self._end(key, entry)
            if len(self._answered_s) > self._most:
                self._answered_s.clear()
            self._answered_s[entry.place] = entry.tried_s
        if entry.is_left:
            _close(value)
            return None
        return value

    def _end(self, key: Hashable, entry: _Entry) -> None:
        entry.tried_s, entry.reading = time.monotonic(), None
        if entry.is_left:
            del self._entries[key]

    def _hangs(self, entry: _Entry) -> bool:
        """Whether a read has taken longer than anybody waits."""
        is_running = entry.reading is not None and entry.reading.running()
        return is_running and entry.began_s < time.monotonic() - self._deadline_s

    def _silent_since(self, place: str) -> datetime | None:
        """Tell since when a place does not answer: a read there hangs, and for as long as anybody waits none was answered."""
        if self._answered_s.get(place, float("-inf")) > time.monotonic() - self._deadline_s:
            return None
        hanging = [one.began_at for one in self._entries.values() if one.place == place and self._hangs(one)]
        return min((began for began in hanging if began is not None), default=None)

    def _tell(self, place: str, key: Hashable) -> Seen[Any]:
        with self._lock:
            entry = self._entries[key]
            seen, error = entry.seen, entry.error
            if error is None and (entry.reading is not None or seen is None):
                error = NoAnswerError(self._why_late(place, entry))
        if error is None and seen is not None:
            return seen
        if seen is not None and isinstance(error, StoreError):
            return Seen(seen.value, seen.read_at, str(error))
        raise error or NoAnswerError(_silent(place, datetime.now(UTC)))

    def _why_late(self, place: str, entry: _Entry) -> str:
        began_at = entry.began_at or datetime.now(UTC)
        if entry.reading is not None and self._answered_s.get(place, float("-inf")) > entry.began_s:
            return (
                f"{place} answers, and has not given all of this yet since {began_at:{_TIME}} UTC - load the page again"
            )
        return _silent(place, self._silent_since(place) or began_at)


_TIME = "%Y-%m-%d %H:%M:%S"


def _close(value: object) -> None:
    """Let go what nobody takes any more, such as an object on its way."""
    close = getattr(value, "close", None)
    if callable(close):
        try:
            close()
        except Exception as err:  # noqa: BLE001 - nobody waits for it
            log.warning("What came too late could not be closed: %s", err)


def _refuse(place: str, since: datetime) -> NoReturn:
    raise NoAnswerError(_silent(place, since))


def _silent(place: str, since: datetime) -> str:
    return (
        f"{place} has not answered since {since:{_TIME}} UTC - see whether it is up and its connection is right; "
        "this page tries again"
    )
