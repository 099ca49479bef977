"""Answers that were brought to this disk: each once for all who look, the few that were looked at last."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread

import duckdb

from shoal.answers.browse import BrowsedAnswer
from shoal.answers.deadline import stopped_after
from shoal.contract.errors import ConfigError, NoAnswerError, ShoalError, StoreError, first_line
from shoal.stores.object_store import ObjectStore
from shoal.tables.limits import Limits
from shoal.tables.scratch import scratch_folder
from shoal.tables.session import Database

log = logging.getLogger(__name__)

MOST_ANSWERS = 3
MOST_BYTES = 8 * 1024**3
"""On disk, of all of them together; the one that is looked at stays."""

MOST_COMING = 4
"""Answers that are brought here or wait for that: more are refused."""

LIMITS = Limits(memory_bytes=512 * 1024**2, threads=2)
"""Of one answer's session: what it holds beyond that lies on disk."""

BRING_S = 900.0
"""So long an answer may take to be brought here."""

TROUBLE_S = 10.0
"""So long it is told again why an answer could not be brought here before that is tried again."""

LOOK_S = 10.0
"""So long one look at an answer that is here may take."""


@dataclass
class _Entry:
    brought: "Future[BrowsedAnswer]"
    stack: ExitStack = field(default_factory=ExitStack)
    folder: Path | None = None
    connection: duckdb.DuckDBPyConnection = field(init=False, repr=False)
    lock: Lock = field(default_factory=Lock)
    bytes: int = 0
    """What it may take on disk, as far as anybody knows before it is here."""
    lookers: int = 0
    failed_s: float = 0.0


class Shelf:
    """Brings answers here, one at a time, and lets them be looked at, each by one at a time; thread-safe.

    Args:
        most: Answers that are kept.
        most_bytes: Of their disk.
    """

    def __init__(self, most: int = MOST_ANSWERS, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._bringing = Lock()
        self._lock = Lock()

    def bring(
        self, name: Hashable, results: ObjectStore, bring: Callable[[Database], BrowsedAnswer], size_bytes: int = 0
    ) -> "Future[BrowsedAnswer]":
        """Begin to bring an answer here, unless it is here or on its way; the future raises a ShoalError where that fails.

        Args:
            name: Of the answer and of all that it is made of.
            results: The bucket that it lies in.
            bring: Makes it in a session.
            size_bytes: What its tables have where they are stored: for so much, room is made.

        Raises:
            NoAnswerError: Others are on their way already.
        """
        with self._lock:
            entry = self._entries.get(name)
            if entry is None or _may_be_tried_again(entry):
                if sum(not one.brought.done() for one in self._entries.values()) >= MOST_COMING:
                    raise NoAnswerError(
                        f"{MOST_COMING} other answers are being brought to this web server - try again in some minutes"
                    )
                entry = self._entries[name] = _Entry(Future(), bytes=size_bytes)
                # The end of the process does not wait for it: what it leaves is swept away by the next one.
                Thread(target=self._bring_next, args=(entry, results, bring), name="shoal-answers", daemon=True).start()
            self._entries.move_to_end(name)
            return entry.brought

    @contextmanager
    def look(self, name: Hashable) -> Iterator[BrowsedAnswer]:
        """Look at an answer that is here, alone and for seconds.

        Raises:
            NoAnswerError: It is not here any more, or the look takes too long.
            ShoalError: It could not be brought.
        """
        with self._lock:
            entry = self._entries.get(name)
            if entry is None or not entry.brought.done():
                raise NoAnswerError("The tables of this answer are not here yet - load the page again")
            self._entries.move_to_end(name)
            entry.lookers += 1
        try:
            answer = entry.brought.result()
            if not entry.lock.acquire(timeout=LOOK_S):
                raise NoAnswerError(f"Others look at this answer, and were not done within {LOOK_S:g} s - try again")
            try:
                with stopped_after(entry.connection, LOOK_S):
                    yield answer
            except duckdb.InterruptException as err:
                raise NoAnswerError(f"This took longer than {LOOK_S:g} s - ask for less, such as one camera") from err
            except duckdb.Error as err:
                raise StoreError(f"The tables of this answer cannot be read: {first_line(err)}") from err
            finally:
                entry.lock.release()
        finally:
            with self._lock:
                entry.lookers -= 1

    def close(self) -> None:
        """Let all of them go that are here."""
        with self._lock:
            here = [entry for entry in self._entries.values() if entry.brought.done()]
            self._entries.clear()
        for entry in here:
            entry.stack.close()

    def _bring_next(self, entry: _Entry, results: ObjectStore, bring: Callable[[Database], BrowsedAnswer]) -> None:
        with self._bringing:
            try:
                entry.brought.set_result(self._bring(entry, results, bring))
            except BaseException as err:  # noqa: BLE001 - raised where it is waited for
                entry.brought.set_exception(err)

    def _bring(self, entry: _Entry, results: ObjectStore, bring: Callable[[Database], BrowsedAnswer]) -> BrowsedAnswer:
        self._make_room(entry.bytes)
        try:
            entry.folder = entry.stack.enter_context(scratch_folder())
            database = Database(results, entry.folder, LIMITS)
            entry.connection = database.connection
            entry.stack.callback(entry.connection.close)
            with stopped_after(entry.connection, BRING_S):
                return bring(database)
        except ShoalError:
            self._give_up(entry)
            raise
        except duckdb.InterruptException as err:
            self._give_up(entry)
            raise ConfigError(f"The tables of this answer were not here within {BRING_S:g} s: it is too large") from err
        except Exception as err:
            self._give_up(entry)
            log.exception("An answer could not be brought to this disk")
            raise StoreError(f"The tables of this answer cannot be read: {first_line(err)}") from err

    @staticmethod
    def _give_up(entry: _Entry) -> None:
        entry.failed_s = time.monotonic()
        entry.stack.close()

    def _make_room(self, coming_bytes: int) -> None:
        """Let those go that were looked at longest ago, and that nobody looks at, and those that never came."""
        while True:
            with self._lock:
                for name in [name for name, entry in self._entries.items() if _may_be_tried_again(entry)]:
                    del self._entries[name]
                here = [(name, entry) for name, entry in self._entries.items() if _is_here(entry)]
                idle = [(name, entry) for name, entry in here if not entry.lookers]
                taken = sum(map(_bytes_of, here)) + coming_bytes
                if not idle or (len(here) < self._most and taken <= self._most_bytes):
                    return
                name, oldest = idle[0]
                del self._entries[name]
            oldest.stack.close()


def _is_here(entry: _Entry) -> bool:
    return entry.brought.done() and entry.brought.exception() is None


def _may_be_tried_again(entry: _Entry) -> bool:
    failed = entry.brought.done() and not _is_here(entry)
    return failed and time.monotonic() - entry.failed_s > TROUBLE_S


def _bytes_of(named: tuple[Hashable, _Entry]) -> int:
    folder = named[1].folder
    if folder is None:
        return 0
    with suppress(OSError):
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return 0
