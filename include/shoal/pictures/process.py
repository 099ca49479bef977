"""The process that paints, as this one sees it: started when it is needed, given one picture at a time, ended when it is late."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from shoal.contract.asked_process import BROKEN, PAINTER, AskedProcess, how_it_ended
from shoal.contract.frames import write_frame
from shoal.pictures.drawing import PictureLimits

START_S = 60.0
"""Seconds in which it must have started: it imports for a second where nothing else is at work."""

MOST_BYTES = 256 * 1024**2
"""Bytes of a picture that it may answer with, or those of the pixels that an image may have where these are more."""


class NoPictureError(Exception):
    """Why there is no picture; the text is for people."""


class CannotPaintError(NoPictureError):
    """Nothing can be painted on this machine."""


class Painter(AskedProcess):
    """Paints in a process of its own, in another one after it died.

    Args:
        limits: What one picture may cost.
    """

    def __init__(self, limits: PictureLimits) -> None:
        words = (str(limits.memory_bytes), str(limits.seconds))
        super().__init__(PAINTER, words, max(MOST_BYTES, 3 * limits.pixel_limit))
        self._limits = limits

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._end()

    def ask(self, words: Mapping[str, Any], blobs: Sequence[bytes]) -> tuple[dict[str, Any], bytes | None]:
        """Ask for one picture.

        Returns:
            What the painter says, and the picture if there is one.

        Raises:
            NoPictureError: It took too long, or its process died over it; the next one is asked of another process.
            CannotPaintError: No process can paint here.
        """
        if not self._runs:
            self._start()
        try:
            answer, pictures = self._exchange(write_frame(words, blobs), self._limits.seconds)
        except TimeoutError:
            self._end()
            raise NoPictureError(f"not decoded and drawn within {self._limits.seconds:g} s") from None
        except BROKEN:
            how = how_it_ended(self._await_end())
            raise NoPictureError(f"it ended the process that decodes it ({how})") from None
        return answer, pictures[0] if pictures else None

    def _start(self) -> None:
        try:
            hello = self._begin(START_S)
        except BROKEN as err:
            raise CannotPaintError(f"no process for pictures could be started: {err}") from err
        if missing := hello.get("cannot"):
            self._end()
            raise CannotPaintError(f"pictures need the worker's libraries ({missing}) - pip install 'shoal[worker]'")
