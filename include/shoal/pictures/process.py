"""The process that paints, as this one sees it: started when it is needed, given one picture at a time, ended when it is late."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from shoal.pictures.drawing import PictureLimits
from shoal.pictures.frames import NoFrameError, read_frame, write_frame

START_S = 60.0
"""Seconds in which it must have started: it imports for a second where nothing else is at work."""

MOST_BYTES = 256 * 1024**2
"""Bytes of a picture that it may answer with, or those of the pixels that an image may have where these are more."""

PIECE = 1024 * 1024

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


class NoPictureError(Exception):
    """Why there is no picture; the text is for people."""


class CannotPaintError(NoPictureError):
    """Nothing can be painted on this machine."""


class Painter:
    """Paints in a process of its own, in another one after it died.

    Args:
        limits: What one picture may cost.
    """

    def __init__(self, limits: PictureLimits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

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
        if self._process is None or self._process.poll() is not None:
            self._start()
        try:
            answer, pictures = self._exchange(write_frame(words, blobs), self._limits.seconds)
        except TimeoutError:
            self._end()
            raise NoPictureError(f"not decoded and drawn within {self._limits.seconds:g} s") from None
        except (NoFrameError, OSError, ValueError, KeyError):
            raise NoPictureError(f"it ended the process that decodes it ({self._how_it_ended()})") from None
        return answer, pictures[0] if pictures else None

    def _start(self) -> None:
        self._end()
        folders = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path if folder)
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "shoal.pictures.painter"),
                    *(str(self._limits.memory_bytes), str(self._limits.seconds)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what a codec prints of hostile bytes is in its answer
                env={**environment, **_ONE_THREAD, "PYTHONPATH": folders},
                start_new_session=True,  # Ctrl-C in a terminal reaches us, and we end it
                bufsize=0,
                cwd="/",
            )
            for pipe in (self._process.stdin, self._process.stdout):
                os.set_blocking(cast("IO[bytes]", pipe).fileno(), False)
            hello, _ = self._exchange([], START_S)
        except (NoFrameError, OSError, ValueError, KeyError) as err:  # TimeoutError is an OSError
            self._end()
            raise CannotPaintError(f"no process for pictures could be started: {err}") from err
        if missing := hello.get("cannot"):
            self._end()
            raise CannotPaintError(f"pictures need the worker's libraries ({missing}) - pip install 'shoal[worker]'")

    def _exchange(self, pieces: Sequence[bytes], seconds: float) -> tuple[dict[str, Any], list[bytes]]:
        """Send pieces, then read one message, all within a time."""
        deadline = time.monotonic() + seconds
        process = cast("subprocess.Popen[bytes]", self._process)
        for piece in pieces:
            view = memoryview(piece)
            while view:
                _wait(process.stdin, selectors.EVENT_WRITE, deadline)
                view = view[cast("IO[bytes]", process.stdin).write(view[:PIECE]) or 0 :]

        def read(count: int) -> bytes:
            taken = bytearray()
            while len(taken) < count:
                _wait(process.stdout, selectors.EVENT_READ, deadline)
                more = cast("IO[bytes]", process.stdout).read(min(PIECE, count - len(taken)))
                if not more:
                    break
                taken += more
            return bytes(taken)

        return read_frame(read, max(MOST_BYTES, 3 * self._limits.pixel_limit))

    def _how_it_ended(self) -> str:
        process = cast("subprocess.Popen[bytes]", self._process)
        try:
            code = process.wait(5)
        except subprocess.TimeoutExpired:
            code = 0
        self._end()
        if code >= 0:
            return f"exit status {code}"
        return f"signal {signal.Signals(-code).name}"

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None


def _wait(pipe: IO[bytes] | None, event: int, deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(cast("IO[bytes]", pipe), event)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
