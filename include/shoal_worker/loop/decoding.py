"""The few threads that decode what many have read: each keeps memory of its own that it once needed for an image."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class _Job(Generic[T]):
    """What a thread that read waits for."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.work = work
        self.done = threading.Event()
        self.result: T | None = None
        self.error: BaseException | None = None

    def do(self) -> None:
        try:
            self.result = self.work()
        except BaseException as err:  # noqa: BLE001 - raised again where it is waited for
            self.error = err
        self.done.set()


class Decoding:
    """So many places, each for one image from when it is decoded until it is handed on; whoever waits for one holds bytes alone.

    Args:
        places: How many.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._free = threading.Semaphore(places)
        self._jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._began = 0

    def begin(self) -> int:
        """Start the threads, or as many as can be; return how many."""
        while self._began < self._places:
            try:
                threading.Thread(target=self._work, name="decode", daemon=True).start()
            except (RuntimeError, MemoryError):  # "can't start new thread"
                break
            self._began += 1
        return self._began

    def end(self) -> None:
        """Let the threads go once nothing waits."""
        for _ in range(self._began):
            self._jobs.put(None)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for a place, and have it."""
        with self._free:
            yield

    def run(self, work: Callable[[], T]) -> T:
        """Have work done by one of the threads, in whose memory it is done; raises what that raises."""
        job = _Job(work)
        self._jobs.put(job)  # type: ignore[arg-type]
        job.done.wait()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.do()
            del job  # what it made is another's by now
