"""The threads: some fetch and decode ahead, one runs the model, on several images at once where that is wanted.

Reads may grow (`fetch_ahead`), decoding does not: what was read waits, as bytes of a budget, for one of as many places as there
were threads at first, and has it until the image is handed on.

What they find comes out of one queue. Images pass through in about the order they were taken, failed ones too, so a share of
failures at any moment is that of the images and not of the faster path. Memory is bounded: few letterboxed images wait, twice
as many as go through the model at once, and decoding holds at most one image of the largest size allowed, or several that are
together no larger; so do images that wait for their tiles. Nobody makes rows faster than they are written.

No image is lost. Each that the intake hands out is in one place at a time: with the thread that fetches it, among those that
wait for the model, with the thread that runs it, or among the outcomes, where one comes of each: its steps raise nothing
(`each_image`). The end comes from the front. When the intake is empty or closed, or fewer are to read, a thread that fetches puts
`Finished` behind its last image; the thread that runs the model counts them, and once all have ended and nothing waits, it puts
`Finished` behind all that came out, and lets those that decode go. What waits for the model when the intake is closed, and what
is looked at when that is cancelled, is let go: it stays open, for another attempt.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from shoal.contract.errors import StoreError
from shoal_worker.examine import Examiner
from shoal_worker.loop.batches import Batches, choose, is_enough
from shoal_worker.loop.decoding import Decoding
from shoal_worker.loop.each_image import EachImage
from shoal_worker.loop.fetch_ahead import FETCHERS, MOST_FETCHERS, FetchAhead
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.outcome import Fatal, Finished, Outcome, Refused, Unreached
from shoal_worker.loop.unwritten import Unwritten
from shoal_worker.ready import Ready
from shoal_worker.rows.parts import Row, held_bytes

log = logging.getLogger(__name__)

AHEAD = 4
"""Images that wait for the model; as many as it takes at once, where those are more."""

GATHER_S = 0.5
"""Seconds in which a batch is to fill up: what comes more slowly than that keeps no model waiting."""

LOOK_S = 0.5
"""How often it is looked whether the intake was closed meanwhile."""


def count_fetchers(cores: int, *, feeds_many: bool) -> int:
    """Say how many threads fetch and decode.

    Args:
        cores: CPUs that the process may use.
        feeds_many: Whether a GPU or a batch takes images faster than those that wait for the store decode them: then one more
            for each CPU.
    """
    return FETCHERS + (cores if feeds_many else 0)


class Pipeline:
    """Examines images in threads that never hold the process back from ending."""

    def __init__(
        self,
        intake: Intake,
        examiner: Examiner,
        batches: Batches | None = None,
        fetchers: int = FETCHERS,
        most_reads: int = MOST_FETCHERS,
    ) -> None:
        """Nothing is begun yet.

        Args:
            intake: Hands out the images.
            examiner: Turns them into rows.
            batches: How many go through the model at once; None for one by one.
            fetchers: Threads that fetch and decode to begin with, see `FetchAhead`.
            most_reads: How many of them the source takes, where more help.
        """
        self._intake = intake
        self.examiner = examiner
        self._batches = batches or Batches(1, 1)
        self._each = EachImage(examiner, self._batches, intake)
        self.ahead = FetchAhead(fetchers, examiner.reads, most_reads)
        self._decoding = Decoding(fetchers)
        self._waiting: queue.Queue[Ready | Outcome] = queue.Queue(maxsize=max(AHEAD, self._batches.size))
        self.outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self.unwritten = Unwritten()
        """Whoever writes rows says so here."""
        self.underway = examiner.underway

    def in_flight(self, reads: int) -> int:
        """Tell how many images may be begun and not finished: so many being fetched, others waiting, in the model."""
        most = self._batches.most
        return reads + max(AHEAD, most) + (2 * most if most > 1 else 1)

    def start(self) -> None:
        """Begin."""
        if not self._decoding.begin() or not self._begin_to_fetch(self.ahead.fetchers):
            raise StoreError(
                "No thread can be started to read images - give the worker's pod or node a higher limit of processes"
            )
        threading.Thread(target=self._infer, name="infer", daemon=True).start()

    def _begin_to_fetch(self, threads: int) -> int:
        """Begin so many threads, or as many as there is room for, and then no more for good; return how many."""
        for number in range(threads):
            try:
                threading.Thread(target=self._fetch, name="fetch", daemon=True).start()
            except (RuntimeError, MemoryError) as err:  # "can't start new thread": the pod's limit of processes
                log.warning("No further thread reads images: %s", err)
                self.ahead.none_further()
                return number
            self.ahead.begun()
        return threads

    def _fetch(self) -> None:
        while not self.ahead.ends() and (image := self._intake.take()) is not None:
            with ExitStack() as held:
                with self.ahead.prepared.counted():
                    prepared = self._each.prepare(image, partial(self._decode, held))
                if isinstance(prepared, Unreached | Refused):
                    self.ahead.out_of_reach()
                self._waiting.put(prepared)
        self._waiting.put(Finished())

    def _decode(self, held: ExitStack, decode: Callable[[], Ready | Row]) -> Ready | Row:
        """Decode in one of the few places there are, which is held until the image is handed on."""
        held.enter_context(self._decoding.place())
        return self._decoding.run(decode)

    def _infer(self) -> None:
        try:
            self._infer_all()
        except Exception as err:  # noqa: BLE001 - the main thread raises it again: without this thread it would wait for ever
            self.outcomes.put(Fatal(err))
        finally:
            self._decoding.end()

    def _infer_all(self) -> None:
        fetching, waiting = self.ahead.fetchers, list[Ready | Outcome]()
        while fetching or waiting:
            self._wait_for_room()
            fetching -= self._gather(waiting, fetching)
            if (more := self.ahead.more()) and fetching:
                fetching += self._begin_to_fetch(more)
            waiting = self._give_up(waiting) if self._intake.closed else self._finish_some(waiting)
            self._make_way()
        self.outcomes.put(Finished())

    def _gather(self, waiting: list[Ready | Outcome], fetching: int) -> int:
        """Wait for a batch to fill up, or until that takes too long; return how many threads have ended meanwhile."""
        ended, until = 0, time.monotonic() + GATHER_S
        while ended < fetching and not is_enough([_shape(one) for one in waiting], self._batches):
            try:
                with self.ahead.waiting():
                    item = self._waiting.get(timeout=max(until - time.monotonic(), 0) if waiting else None)
            except queue.Empty:
                break
            if isinstance(item, Finished):
                ended += 1
            elif waiting or isinstance(item, Ready):
                if not waiting:
                    until = time.monotonic() + GATHER_S
                waiting.append(item)
            else:
                self._put(item)
            if self._intake.closed:
                break
        return ended

    def _give_up(self, waiting: Sequence[Ready | Outcome]) -> list[Ready | Outcome]:
        """Let go what was fetched in vain: it stays open."""
        for one in waiting:
            if isinstance(one, Ready):
                one.held.close()
            else:
                self._put(one)
        return []

    def _finish_some(self, waiting: list[Ready | Outcome]) -> list[Ready | Outcome]:
        """Run the model once, and hand on what came before the last image of that; return what still waits."""
        chosen = choose([_shape(one) for one in waiting], self._batches)
        if not chosen:
            return waiting
        batch = [one for place in chosen if isinstance(one := waiting[place], Ready)]
        done, left = dict(zip(chosen, self._each.finish_together(batch), strict=True)), list[Ready | Outcome]()
        for place, one in enumerate(waiting[: chosen[-1] + 1]):
            if place in done:
                self._put(done[place])
            elif isinstance(one, Ready):
                left.append(one)
            else:
                self._put(one)
        left += waiting[chosen[-1] + 1 :]
        while left and not isinstance(first := left[0], Ready):  # nothing before it is waited for any more
            self._put(first)
            del left[0]
        return left

    def _make_way(self) -> None:
        """Let as many images wait as the model takes at once."""
        with self._waiting.mutex:
            if self._waiting.maxsize < self._batches.size:
                self._waiting.maxsize = self._batches.size
                self._waiting.not_full.notify_all()

    def _put(self, outcome: Outcome) -> None:
        if isinstance(outcome, Row):
            self.unwritten.add(held_bytes(outcome))
        self.outcomes.put(outcome)

    def _wait_for_room(self) -> None:
        """Make no more rows while those that are in no part hold much memory; a closed intake ends that."""
        if not self.unwritten.is_much:
            return
        with self.underway.waiting():
            while self.unwritten.is_much and not self._intake.closed:
                self.unwritten.wait(LOOK_S)


def _shape(one: Ready | Outcome) -> tuple[int, ...] | None:
    return one.shape if isinstance(one, Ready) else None
