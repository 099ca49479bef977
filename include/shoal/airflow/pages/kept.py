"""What pages read, kept for seconds for all who look, in threads of its own: a store that hangs holds up none of Airflow's.

Each thing is read by one thread at a time, whoever asks. Whoever asks waits for seconds, and is then told what was read before,
or that the store does not answer and since when.
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
from typing import Any, Generic, NoReturn, TypeVar, cast

from shoal.contract.errors import NoAnswerError, ShoalError, StoreError

log = logging.getLogger(__name__)

T = TypeVar("T")

DEADLINE_S = 10.0
"""So long a person waits for a page."""

THREADS = 16
MOST_KEPT = 600
"""Things that are kept: a hundred datasets' lines, and what people look at."""

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
    seen: Seen[Any] | None = None
    error: ShoalError | None = None
    tried_s: float = float("-inf")
    reading: "Future[Any] | None" = None
    place: str = ""
    began_at: datetime | None = None
    began_s: float = 0.0


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
            place: Where it is read: while one read of a place hangs, no other is begun there.
            key: What it is.
            read: Reads it, in another thread.
            fresh_s: Seconds for which it is good.
            keep: Whether somebody else may ask for it.
            deadline_s: Seconds that somebody waits for it; None as for all else.

        Raises:
            ShoalError: What `read` raised, where nothing was read before.
            NoAnswerError: The place does not answer, and nothing was read before.
        """
        begun = self._begin(place, key, read, fresh_s)
        if isinstance(begun, Seen):
            return begun
        if begun is not None:
            with suppress(Exception):  # what it raised, or that it is late, is told below
                await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(begun)), deadline_s or self._deadline_s)
        try:
            return self._tell(place, key)
        finally:
            if not keep:
                self._forget(key)

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.reading is None:  # one that hangs is remembered, so that no other is begun
                del self._entries[key]

    def _begin(self, place: str, key: Hashable, read: Callable[[], T], fresh_s: float) -> "Seen[T] | Future[T] | None":
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            now_s = time.monotonic()
            age_s = now_s - entry.tried_s
            if entry.seen is not None and entry.error is None and age_s < fresh_s:
                return entry.seen
            if entry.error is not None and age_s < TROUBLE_S:
                return None
            if entry.reading is not None:
                return entry.reading
            if self._hanging_since(place) is not None:
                return None
            entry.place, entry.began_at, entry.began_s = place, datetime.now(UTC), now_s
            entry.reading = self._threads.submit(self._read, entry, read)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
            return cast("Future[T]", entry.reading)

    def _read(self, entry: _Entry, read: Callable[[], T]) -> T:
        with self._lock:
            entry.began_at, entry.began_s = datetime.now(UTC), time.monotonic()  # it may have waited for a thread
            hangs = self._hanging_since(entry.place, besides=entry)
        try:
            value = read() if hangs is None else _refuse(entry.place, hangs)
        except Exception as err:
            if not isinstance(err, ShoalError):
                log.exception("Nothing could be read of %s", entry.place)
            with self._lock:
                entry.error = err if isinstance(err, ShoalError) else StoreError(f"{type(err).__name__}: {err}")
                entry.tried_s, entry.reading = time.monotonic(), None
            raise
        with self._lock:
            entry.seen, entry.error = Seen(value, datetime.now(UTC)), None
            entry.tried_s, entry.reading = time.monotonic(), None
        return value

    def _hanging_since(self, place: str, besides: _Entry | None = None) -> datetime | None:
        """Tell since when a read of a place has taken longer than anybody waits."""
        too_old_s = time.monotonic() - self._deadline_s
        hanging = [
            entry.began_at
            for entry in self._entries.values()
            if entry.reading is not None and entry.reading.running() and entry is not besides
            if entry.place == place and entry.began_s < too_old_s and entry.began_at is not None
        ]
        return min(hanging, default=None)

    def _tell(self, place: str, key: Hashable) -> Seen[Any]:
        with self._lock:
            entry = self._entries.get(key) or _Entry()
            since = self._hanging_since(place)
            error = entry.error
            if error is None and (entry.reading is not None or entry.seen is None):
                error = NoAnswerError(_silent(place, since or entry.began_at or datetime.now(UTC)))
            seen = entry.seen
        if error is None and seen is not None:
            return seen
        if seen is not None and isinstance(error, StoreError):
            return Seen(seen.value, seen.read_at, str(error))
        raise error or NoAnswerError(_silent(place, datetime.now(UTC)))


def _refuse(place: str, since: datetime) -> NoReturn:
    raise NoAnswerError(_silent(place, since))


def _silent(place: str, since: datetime) -> str:
    return (
        f"{place} has not answered since {since:%Y-%m-%d %H:%M:%S} UTC - see whether it is up and its connection is right; "
        "this page tries again"
    )
