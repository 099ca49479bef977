"""What each thread decodes or infers, and since when: native code tells nothing meanwhile, and no thread can be ended."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from shoal_worker.rows.parts import ListedImage

HEADER_S = 30.0
"""Seconds of CPU for what stands beside the pixels of one image: header, EXIF."""

SECONDS_PER_MEGAPIXEL = 3.0
"""Of CPU, more for each megapixel: seven times what noise as JPEG 2000 takes, the slowest of what is decoded."""

INFERENCE_S = 1800.0
"""Seconds for one inference, of an image or a tile: fifty times that of the largest in use (yolov8x at 2688 px, one core)."""

PATIENCE_S = 5.0
"""After its own limit, for a question to a service to be given up by whoever asked it."""

CLOCK_SHARE = 10.0
"""Seconds on the clock that a second of CPU may take: the threads of a worker share its CPU, and the node takes some of it."""


def decode_limit_s(pixels: int) -> float:
    """Say how many seconds of CPU an image of that many pixels may cost."""
    return HEADER_S + SECONDS_PER_MEGAPIXEL * pixels / 1e6


class Step(StrEnum):
    """What may hang in native code; and what waits, which is no silence of the source."""

    DECODE = "Decoding"
    INFER = "Inference"
    ASK = "The service"
    WAIT = "Waiting for the results store"


@dataclass(frozen=True)
class Work:
    """One step of one image in one thread.

    Attributes:
        step: What is done.
        image: With what.
        limit_s: Seconds it may take: of the thread's CPU where they are counted, else on the clock.
        began: When, on the monotonic clock.
        cpu_s: Reads the seconds of CPU of its thread since then; None where they do not tell, or nobody counts them.
        others: Images that it is done with besides.
    """

    step: Step
    image: ListedImage
    limit_s: float
    began: float
    cpu_s: Callable[[], float] | None
    others: int = 0

    def overdue(self) -> str | None:
        """Say in what time it was not done; None while it may go on."""
        if self.cpu_s is not None:
            if self.cpu_s() > self.limit_s:
                return f"{self.limit_s:.3g} s of CPU"
            limit_s = CLOCK_SHARE * self.limit_s
        else:
            limit_s = self.limit_s
        return f"{limit_s:.3g} s" if time.monotonic() - self.began > limit_s else None


class Underway:
    """The steps that are being done; thread-safe."""

    def __init__(self) -> None:
        """Nothing is being done."""
        self._work: dict[int, Work] = {}
        self.last_change = time.monotonic()
        """When a step began or ended last."""

    @contextmanager
    def decoding(self, image: ListedImage, pixels: int = 0) -> Iterator[None]:
        """Note that this thread decodes so many pixels of an image; 0 for what stands beside them."""
        limit_s = decode_limit_s(pixels)
        with self._noting(Work(Step.DECODE, image, limit_s, time.monotonic(), _cpu_of_this_thread())):
            yield

    @contextmanager
    def inferring(self, image: ListedImage, limit_s: float | None = None, others: int = 0) -> Iterator[None]:
        """Note that this thread runs the model on an image, and so many others: other threads, or a GPU, may do its work.

        Args:
            image: The image.
            limit_s: Seconds that a service has for it; None where it is a model.
            others: Images that are looked at with it.
        """
        model_s = INFERENCE_S * (1 + others)
        step, most_s = (Step.INFER, model_s) if limit_s is None else (Step.ASK, limit_s + PATIENCE_S)
        with self._noting(Work(step, image, most_s, time.monotonic(), None, others)):
            yield

    @contextmanager
    def waiting(self, limit_s: float | None = None) -> Iterator[None]:
        """Note that this thread waits for rows to be written, or a service to start: that is no fault of an image.

        Args:
            limit_s: Seconds that a service has to begin to answer; None where it may take as long as it takes.
        """
        most_s = math.inf if limit_s is None else limit_s
        with self._noting(Work(Step.WAIT, ListedImage("", "", 0), most_s, time.monotonic(), None)):
            yield

    @property
    def is_idle(self) -> bool:
        """Whether no step is being done."""
        return not self._work

    def overdue(self) -> tuple[Work, str] | None:
        """Give a step that takes too long, and the time it had; None where all may go on."""
        return next(((work, time_) for work in list(self._work.values()) if (time_ := work.overdue())), None)

    @contextmanager
    def _noting(self, work: Work) -> Iterator[None]:
        thread = threading.get_ident()
        self._work[thread], self.last_change = work, work.began
        try:
            yield
        finally:
            # The change comes first: who finds nothing under way must not take the time before for silence.
            self.last_change = time.monotonic()
            del self._work[thread]


def _cpu_of_this_thread() -> Callable[[], float] | None:
    """Make what reads this thread's CPU seconds from another one; None on systems that do not tell them."""
    find_clock = getattr(time, "pthread_getcpuclockid", None)
    if find_clock is None:
        return None
    clock = find_clock(threading.get_ident())  # asked here: for a thread that has ended the answer is undefined
    began = time.clock_gettime(clock)

    def read() -> float:
        try:
            return time.clock_gettime(clock) - began
        except OSError:  # the thread has ended since
            return 0.0

    return read
