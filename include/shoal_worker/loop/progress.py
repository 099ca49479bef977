"""Says in the results bucket how far an attempt is; nothing waits for that, and nothing fails for it."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime

from shoal.contract.errors import one_line
from shoal.contract.progress_note import NODE_VARIABLE, ProgressNote
from shoal.contract.rows import Status
from shoal.contract.units import utc_text
from shoal.stores.object_store import ObjectStore
from shoal_worker.loop.tally import Tally

log = logging.getLogger(__name__)

INTERVAL_S = 20.0
"""Seconds between two notes: a person who watches thousands of workers costs the store tens of requests a second."""

RATE_OVER_S = 60.0
"""The rate is that of the last minute: of a worker that is slow now, whatever it was."""

RATE_OVER_IMAGES = 3
"""Or of the time that so many images take by the mean: where one takes minutes, a minute without one is nothing."""

LAST_S = 3.0
"""What the last note may take: a worker that is told to stop has seconds."""


class Progress:
    """Writes the newest note, in a thread of its own: a store that takes minutes holds up no row."""

    def __init__(self, results: ObjectStore, key: str, environ: Mapping[str, str] = os.environ) -> None:
        """Nothing is said yet.

        Args:
            results: The results bucket.
            key: Of the attempt's note.
            environ: Says which node this is, where anybody does.
        """
        self._results = results
        self._key = key
        self._node = environ.get(NODE_VARIABLE) or None
        self._started_at = utc_text(datetime.now(UTC))
        self._began = time.monotonic()
        self._passed = deque([(self._began, 0)])
        self._next: ProgressNote | None = None
        self._is_over = False
        self._changed = threading.Condition()
        self._said_trouble = False
        self._thread = threading.Thread(target=self._write_all, name="progress", daemon=True)

    def say(
        self, tally: Tally, budget_left_s: float, ended: str | None = None, waits_for_store: float | None = None
    ) -> None:
        """Say how far it is: at once, in place of what was said before and is not written yet."""
        note = ProgressNote(
            shard=tally.shard,
            images=tally.total,
            done=tally.rows,
            failed=tally.statuses[Status.FAILED],
            images_per_s=self._rate(tally.rows),
            budget_left_s=round(max(0.0, budget_left_s), 1),
            started_at=self._started_at,
            at=utc_text(datetime.now(UTC)),
            node=self._node,
            ended=ended,
            waits_for_store=None if waits_for_store is None else round(waits_for_store, 2),
        )
        with self._changed:
            if not self._thread.is_alive() and not self._is_over and not self._begin():
                return
            self._next, self._is_over = note, ended is not None
            self._changed.notify()

    def _begin(self) -> bool:
        """Start the thread; where the node has none left, the next word tries again."""
        try:
            self._thread.start()
        except (RuntimeError, MemoryError) as err:  # "can't start new thread"
            self._say_trouble(err)
            return False
        return True

    def close(self) -> None:
        """Wait until the last note is written, for seconds."""
        if self._thread.ident is not None:
            self._thread.join(LAST_S)

    def _rate(self, done: int) -> float | None:
        now = time.monotonic()
        over_s = max(RATE_OVER_S, RATE_OVER_IMAGES * (now - self._began) / done) if done else RATE_OVER_S
        self._passed.append((now, done))
        while len(self._passed) > 2 and self._passed[1][0] <= now - over_s:
            self._passed.popleft()
        since, before = self._passed[0]
        is_early = not done and now - self._began < RATE_OVER_S
        return None if is_early or now <= since else round((done - before) / (now - since), 4)

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._is_over)
                note, self._next = self._next, None
            if note is not None:
                self._write(note)
            if note is None or note.ended is not None:
                return

    def _write(self, note: ProgressNote) -> None:
        try:
            self._results.write_json(self._key, note.to_json())
        except Exception as err:  # noqa: BLE001 - rows are what counts: whatever this is, they are written all the same
            self._say_trouble(err)

    def _say_trouble(self, err: Exception) -> None:
        if not self._said_trouble:
            log.warning("How far the shard is cannot be written, its images go on: %s", one_line(err, 300))
        self._said_trouble = True
