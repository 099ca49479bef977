"""The threads: some fetch and decode ahead, one runs the model, on several images at once where that is wanted.

Reads may grow (`fetch_ahead`), decoding does not: what was read waits, as bytes of a budget, for one of as many places as there
were threads at first, and has it until the image is handed on.

What they find comes out of one queue. Images pass through in about the order they were taken, failed ones too, so a share of
failures at any moment is that of the images and not of the faster path. Memory is bounded: few letterboxed images wait, twice
as many as go through the model at once, and decoding holds at most one image of the largest size allowed, or several that are
together no larger; so do images that wait for their tiles. Nobody makes rows faster than they are written.
"""

import logging
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from shoal.contract.errors import BrokeOffError, StoreError
from shoal.stores.images import ImageDenied, ImageMissing
from shoal_worker.examine import Decoder, Examiner, Ready, here
from shoal_worker.loop.batches import Batches, choose, is_enough
from shoal_worker.loop.decoding import Decoding
from shoal_worker.loop.fetch_ahead import FETCHERS, MOST_FETCHERS, FetchAhead
from shoal_worker.rows.parts import MOST_UNWRITTEN_BYTES, ListedImage, Row, held_bytes
from shoal_worker.session import GpuFailedError, InferenceCancelledError

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


@dataclass(frozen=True)
class Unreached:
    """An image without a row, because the infrastructure failed."""

    image: ListedImage
    error: StoreError | MemoryError


@dataclass(frozen=True)
class Refused:
    """An image that the store refused to give: its own trouble or that of the login, which another read will tell."""

    image: ListedImage
    error: ImageDenied


@dataclass(frozen=True)
class Fatal:
    """No further image can succeed: a wrong configuration, or an error of our own."""

    error: Exception


@dataclass(frozen=True)
class BrokeOff:
    """A service ended, or fell silent, while it looked at an image; nothing more is tried."""

    image: ListedImage
    how: str


class Finished:
    """Nothing more will come."""


class Wake:
    """Put in from outside, so that the reader looks up."""


class Checkpoint:
    """What came out so far belongs into a part now; who put it in waits until that is done."""

    def __init__(self) -> None:
        self.done = threading.Event()


Outcome = Row | Unreached | Refused | Fatal | BrokeOff | Finished | Wake | Checkpoint


class Intake:
    """Hands out the images until it is closed or its time is over; thread-safe.

    Args:
        images: In the order they are handed out.
        budget_s: Seconds from now on in which that is done.
        chance: Gives a number from 0 up to 1, for samples: another attempt takes another one, and none takes every second camera.
    """

    def __init__(
        self, images: Iterable[ListedImage], budget_s: float, chance: Callable[[], float] = random.random
    ) -> None:
        self._images = deque(images)
        self._lock = threading.Lock()
        self._deadline = time.monotonic() + budget_s
        self._closed = False
        self._chance = chance

    @property
    def closed(self) -> bool:
        """Whether no further image may be begun."""
        return self._closed or time.monotonic() >= self._deadline

    @property
    def left(self) -> int:
        """Images that were not handed out."""
        return len(self._images)

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True

    def take(self) -> ListedImage | None:
        """Take the next image; None when there is none, or none may be begun."""
        with self._lock:
            return None if self.closed or not self._images else self._images.popleft()

    def spread(self, count: int) -> list[ListedImage]:
        """Hand out next what lies evenly spread over all that is left: what is wrong with neighbours may end there.

        Returns:
            These images, `count` of them where so many are left. The last one of all is always among them.
        """
        with self._lock:
            left = list(self._images)
            count = min(count, len(left))
            bounds = [number * len(left) // count for number in range(count)]
            chosen = {low + int(self._chance() * (high - low)) for low, high in pairwise(bounds)} | {len(left) - 1}
            first = [left[place] for place in sorted(chosen) if left]
            self._images = deque([*first, *(image for place, image in enumerate(left) if place not in chosen)])
            return first


class Unwritten:
    """Memory that rows hold from when they are made until a part has them; thread-safe."""

    def __init__(self) -> None:
        self._bytes = 0
        self._changed = threading.Condition()

    def add(self, size: int) -> None:
        """Note that so many bytes were made, or with a minus, written."""
        with self._changed:
            self._bytes += size
            self._changed.notify_all()

    @property
    def is_much(self) -> bool:
        """Whether no further rows ought to be made."""
        return self._bytes > MOST_UNWRITTEN_BYTES

    def wait(self, timeout_s: float) -> None:
        """Wait until some were written."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_much, timeout_s)


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
        self._examiner = examiner
        self._batches = batches or Batches(1, 1)
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
                    prepared = self._prepare(image, partial(self._decode, held))
                if isinstance(prepared, Unreached | Refused):
                    self.ahead.out_of_reach()
                self._waiting.put(prepared)
        self._waiting.put(Finished())

    def _decode(self, held: ExitStack, decode: Callable[[], Ready | Row]) -> Ready | Row:
        held.enter_context(self._decoding.place())
        return self._decoding.run(decode)

    def _prepare(self, image: ListedImage, decoding: Decoder = here) -> Ready | Outcome:
        try:
            return self._examiner.prepare(image, decoding)
        except ImageDenied as err:
            return Refused(image, err)
        except (StoreError, MemoryError) as err:
            return Unreached(image, err)
        except Exception as err:  # noqa: BLE001 - the main thread raises it again
            return Fatal(err)

    def settle_refused(self, refused: Iterable[Refused]) -> list[Row] | None:
        """Make rows of refused images if the same login still reads one that was read before; None if not.

        One that was not there has no row where it is by now, or where its disk went meanwhile.
        """
        examiner = self._examiner
        if not examiner.still_reads():
            return None
        settled = [
            one for one in refused if not isinstance(one.error, ImageMissing) or examiner.is_still_missing(one.image)
        ]
        if any(isinstance(one.error, ImageMissing) for one in settled) and not examiner.still_reads():
            return None
        return [examiner.denied(one.image, one.error) for one in settled]

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
        done, left = dict(zip(chosen, self._finish_all(batch), strict=True)), list[Ready | Outcome]()
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

    def _finish_all(self, batch: Sequence[Ready]) -> list[Outcome]:
        """Run the model on images together; where that fails, on fewer of them or on each alone: none goes with another."""
        started, count, proof_s = time.perf_counter(), len(batch), self._examiner.proof_s
        if count == 1:
            outcome = self._finish(batch[0])
            if isinstance(outcome, Row):
                self._batches.note(1, time.perf_counter() - started)
            return [outcome]
        try:
            rows = self._examiner.finish_together(batch)
        except InferenceCancelledError:
            self._intake.close()
            return [Wake() for _ in batch]
        except GpuFailedError as err:
            return [Fatal(err) for _ in batch]
        except MemoryError:
            return self._finish_with_less(batch)
        except Exception as err:  # noqa: BLE001 - each of them alone says whose it is
            outcomes = [self._finish(one) for one in batch]
            if all(isinstance(one, Row) for one in outcomes):  # it is the model's: it takes no batches
                self._batches.give_up(err)
            return outcomes
        # What a place of the batch is asked for alone is asked for once, and says nothing of batches of this size.
        self._batches.note(count, time.perf_counter() - started - (self._examiner.proof_s - proof_s))
        return list(rows)

    def _finish_with_less(self, batch: Sequence[Ready]) -> list[Outcome]:
        """Run the model on as many of them at once as there is room for, as far as that is known by then."""
        if not self._batches.shrink(len(batch), batch[0].shape):
            return [self._finish(one) for one in batch]
        outcomes: list[Outcome] = []
        while len(outcomes) < len(batch):
            outcomes += self._finish_all(batch[len(outcomes) : len(outcomes) + self._batches.size_of(batch[0].shape)])
        return outcomes

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

    def _finish(self, ready: Ready) -> Outcome:
        try:
            return self._examiner.finish(ready)
        except InferenceCancelledError:
            self._intake.close()
            return Wake()
        except BrokeOffError as err:
            self._intake.close()
            return BrokeOff(ready.image, str(err).replace(": ", ", "))  # what stands before the image is the cause
        except (StoreError, MemoryError) as err:
            return Unreached(ready.image, err)
        except Exception as err:  # noqa: BLE001 - the main thread raises it again
            return Fatal(err)


def _shape(one: Ready | Outcome) -> tuple[int, ...] | None:
    return one.shape if isinstance(one, Ready) else None
