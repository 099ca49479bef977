"""Scaled pictures for many who look at once: decoded in a few bounded processes, kept in bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Lock

from shoal.contract.errors import one_line
from shoal.contract.units import size_text
from shoal.pictures.draw import fetch_bytes, paint_one
from shoal.pictures.drawing import Drawing, PictureLimits
from shoal.pictures.process import CannotPaintError, NoPictureError, Painter
from shoal.stores.images import ImageSource

PROCESSES = 2
KEPT_BYTES = 64 * 1024**2
"""Pictures that are kept: of a grid's size some four thousand."""

AT_WORK = 4
"""Images whose bytes are in memory at a time."""

NEVER_COME = 8
"""Images that a store may be asked for and not give: more are not asked for until it does."""

_BUSY = "others are being drawn, and none was done within"

TROUBLE_S = 10.0
"""So long it is told again why there is no picture before that is tried again."""

MOST_TROUBLES = 2000
_NEVER = (float("-inf"), "")

LIMITS = PictureLimits(memory_bytes=1024**3, seconds=15.0, byte_limit=64 * 1024**2, fetch_seconds=10.0)
"""What one picture may cost where somebody waits for it."""


@dataclass(frozen=True)
class Picture:
    """A JPEG, or why there is none.

    Attributes:
        jpeg: It; None where there is none.
        why: One line; empty where there is one.
    """

    jpeg: bytes | None
    why: str = ""


class PicturePool:
    """Makes pictures; thread-safe. Processes start when they are needed and end with `close`, or with this one.

    Args:
        limits: What one picture may cost.
        processes: That decode at a time.
        kept_bytes: Of pictures that are kept.
    """

    def __init__(
        self, limits: PictureLimits = LIMITS, processes: int = PROCESSES, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self._limits = limits
        self._painters: SimpleQueue[Painter] = SimpleQueue()
        for _ in range(processes):
            self._painters.put(Painter(limits))
        self._at_work = BoundedSemaphore(AT_WORK)
        self._fetching = BoundedSemaphore(NEVER_COME)
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._bytes = 0
        self._troubles: OrderedDict[tuple[object, ...], tuple[float, str]] = OrderedDict()
        self._cannot = _NEVER
        self._lock = Lock()

    def picture(self, place: str, source: ImageSource, drawing: Drawing, limits: PictureLimits) -> Picture:
        """Give a picture that is kept, or make it.

        Args:
            place: Where the source is: the same key elsewhere is another image.
            source: The store of the images.
            drawing: What to draw.
            limits: The run's own limits of pixels and scans.
        """
        name = (place, drawing.key, drawing.object_version, drawing.content_sha256, drawing.long_side_px)
        if (found := self._find(name)) is not None:
            return found
        if not self._at_work.acquire(timeout=self._limits.seconds):
            return Picture(None, f"{_BUSY} {self._limits.seconds:g} s - try again")
        try:
            # Somebody else may have asked for it meanwhile.
            return self._find(name) or self._make(name, source, drawing, limits)
        finally:
            self._at_work.release()

    def original(self, source: ImageSource, drawing: Drawing) -> bytes | str:
        """Give an image's own bytes as the run looked at them, or why there are none."""
        if drawing.size_bytes > self._limits.byte_limit:
            return (
                f"it has {size_text(drawing.size_bytes)}, and {size_text(self._limits.byte_limit)} are the most that is handed "
                "over here - fetch it from its bucket"
            )
        return fetch_bytes(source, drawing, self._limits, self._fetching)

    def close(self) -> None:
        """End the processes."""
        while True:
            try:
                painter = self._painters.get_nowait()
            except Empty:
                return
            painter.__exit__(None, None, None)

    def _make(self, name: tuple[object, ...], source: ImageSource, drawing: Drawing, limits: PictureLimits) -> Picture:
        of_run = replace(
            self._limits,
            pixel_limit=min(limits.pixel_limit, self._limits.pixel_limit),
            scan_limit=min(limits.scan_limit, self._limits.scan_limit),
        )
        data = fetch_bytes(source, drawing, of_run, self._fetching)
        if isinstance(data, str):
            return self._keep_trouble(name, data)
        with self._taken() as painter:
            if painter is None:
                return Picture(None, f"{_BUSY} {self._limits.seconds:g} s - try again")
            drawn = paint_one(painter, drawing, data, of_run, self._tell)
        if drawn.jpeg is None:
            return self._keep_trouble(name, drawn.why or "no picture came")
        with self._lock:
            self._bytes += len(drawn.jpeg) - len(self._kept.pop(name, b""))
            self._kept[name] = drawn.jpeg
            while self._bytes > self._kept_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= len(oldest)
        return Picture(drawn.jpeg)

    @contextmanager
    def _taken(self) -> Iterator[Painter | None]:
        """Take a process for one picture; None where none was free in time."""
        try:
            painter = self._painters.get(timeout=self._limits.seconds)
        except Empty:
            yield None
            return
        try:
            yield painter
        finally:
            self._painters.put(painter)

    def _tell(self, err: NoPictureError) -> str:
        """Say why a process cannot; where none can, that is remembered: each start of one takes a second."""
        why = one_line(err)
        if isinstance(err, CannotPaintError):
            self._cannot = (time.monotonic(), why)
        return why

    def _find(self, name: tuple[object, ...]) -> Picture | None:
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return Picture(self._kept[name])
            at_s, why = max(self._troubles.get(name, _NEVER), self._cannot)
        return Picture(None, why) if time.monotonic() - at_s < TROUBLE_S else None

    def _keep_trouble(self, name: tuple[object, ...], why: str) -> Picture:
        with self._lock:
            self._troubles[name] = (time.monotonic(), why)
            while len(self._troubles) > MOST_TROUBLES:
                self._troubles.popitem(last=False)
        return Picture(None, why)
