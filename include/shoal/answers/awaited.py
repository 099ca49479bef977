"""Work that takes longer than somebody waits: begun once for all who ask, and kept, those things that were asked for last."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTimeError
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from shoal.contract.errors import NoAnswerError, ShoalError, StoreError, first_line

log = logging.getLogger(__name__)
T = TypeVar("T")

TROUBLE_S = 5.0
"""So long after it failed the same work is not tried again: whoever asks is told why it failed."""

GONE_S = 30.0
"""Work that still waits for its turn is not begun where nobody has asked for it for so long; pages ask every few seconds."""


def _now() -> float:
    return time.monotonic()


class StillOpeningError(ShoalError):
    """Something is on its way; the text says how far it is."""


@dataclass
class Progress:
    """How far some work is."""

    total_bytes: int = 0
    done_bytes: int = 0
    share: float = 0.0
    began_s: float = field(default_factory=_now)
    asked_s: float = field(default_factory=_now)
    failed_s: float = float("-inf")

    @property
    def age_s(self) -> float:
        """Seconds since it began."""
        return _now() - self.began_s

    def tell(self, count: int) -> None:
        """Count bytes that came."""
        self.done_bytes += count

    def fail(self) -> None:
        """Note when it failed, before anybody is told: that may be long after it began."""
        self.failed_s = _now()


def is_stale(done: "Future[Any]", progress: Progress) -> bool:
    """Whether something failed, some time ago, or was never begun."""
    if not done.done():
        return False
    return done.cancelled() or (done.exception() is not None and _now() - progress.failed_s > TROUBLE_S)


def displaced(most: int) -> NoAnswerError:
    """Say that something that was to be done is not, as others were asked for."""
    return NoAnswerError(f"{most} others were asked for meanwhile, and come before this one - try again in a while")


class Awaited(Generic[T]):
    """Does work in threads of its own and keeps what it gives; thread-safe.

    Args:
        threads: So much of it is done at once.
        name: Of these threads.
        most: So many things are kept. What goes for another one and has not begun is not done.
        put_away: What is done with one that goes.
    """

    def __init__(self, threads: int, name: str, most: int, put_away: Callable[[T], None] = lambda _: None) -> None:
        self._threads = ThreadPoolExecutor(threads, name)
        self._name = name
        self._most = most
        self._put_away = put_away
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Future[T], Progress]] = OrderedDict()

    def begin(self, key: Hashable, work: Callable[[Progress], T], total_bytes: int = 0) -> "tuple[Future[T], Progress]":
        """Give what was done or begun before, or begin it."""
        with self._lock:
            found = self._kept.get(key)
            if found is None or is_stale(*found):
                progress = Progress(total_bytes)
                found = self._kept[key] = self._threads.submit(self._do, work, progress), progress
            found[1].asked_s = _now()
            self._kept.move_to_end(key)
            gone = [self._kept.pop(one)[0] for one in self._surplus()]
        for one in gone:
            self._let_go(one)
        return found

    def give(
        self,
        key: Hashable,
        work: Callable[[Progress], T],
        wait_s: float,
        how_far: Callable[[Progress], str],
        total_bytes: int = 0,
    ) -> T:
        """Wait for what `begin` gives.

        Raises:
            StillOpeningError: It takes longer: ask again.
            ShoalError: It failed, or others were asked for meanwhile.
        """
        done, progress = self.begin(key, work, total_bytes)
        try:
            return done.result(wait_s)
        except NotInTimeError:
            raise StillOpeningError(how_far(progress)) from None
        except CancelledError:
            raise displaced(self._most) from None

    def let_go_oldest(self) -> bool:
        """Put away what is done and was asked for longest ago, at once; say whether there was any."""
        with self._lock:
            done = (key for key, (work, _) in self._kept.items() if _has_come(work))
            if (key := next(done, None)) is None:
                return False
            work, _ = self._kept.pop(key)
        self._put_away(work.result())
        return True

    def clear(self) -> None:
        """Put all away, also what is still to come.

        What has come is put away when this returns: at the end of a process nobody waits for a thread that begins then, and one
        that is stopped within DuckDB takes the process down with it.
        """
        with self._lock:
            gone = [work for work, _ in self._kept.values()]
            self._kept.clear()
        for work in gone:
            if _has_come(work):
                self._put_away(work.result())
            else:
                self._let_go(work)

    def _surplus(self) -> list[Hashable]:
        """Choose what goes: what failed, is done, or has not begun, each by when it was asked for; the last one stays."""

        def cost(key: Hashable) -> tuple[bool, bool, bool]:
            work, _ = self._kept[key]
            return not work.done(), _has_come(work), work.running()

        others = sorted(list(self._kept)[:-1], key=cost)
        return others[: max(0, len(self._kept) - self._most)]

    def _do(self, work: Callable[[Progress], T], progress: Progress) -> T:
        if _now() - progress.asked_s > GONE_S:
            raise StillOpeningError("Nobody asked for it any more when its turn came - it is begun again")
        try:
            return work(progress)
        except ShoalError:
            progress.fail()
            raise
        except Exception as err:
            progress.fail()
            log.exception("What %s does failed", self._name)
            raise StoreError(
                f"The tables of this answer cannot be read: {type(err).__name__}: {first_line(err)}"
            ) from err

    def _let_go(self, work: "Future[T]") -> None:
        if not work.cancel():
            work.add_done_callback(self._put_away_later)

    def _put_away_later(self, work: "Future[T]") -> None:
        if _has_come(work):
            threading.Thread(target=self._put_away, args=(work.result(),), name="shoal-put-away").start()


def _has_come(work: "Future[Any]") -> bool:
    return work.done() and not work.cancelled() and work.exception() is None
