"""A process of ours that is asked one thing after another: started when needed, ended when late, replaced when dead.

What it does with hostile bytes may crash it, hang or fill its memory; whoever asks goes on. It gets no credentials.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

from shoal.contract.frames import NoFrameError, read_frame

PAINTER = "shoal.pictures.painter"
"""The process that draws boxes on images: a room asks for it by name where it may not import it."""

PIECE = 1024 * 1024

BROKEN = (NoFrameError, OSError, ValueError, KeyError)
"""What `_exchange` raises of a process that ended, or wrote no message; TimeoutError is an OSError, too."""

_PASSED_ON = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"),
    *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
)


def bare_environment(threads: int = 1) -> dict[str, str]:
    """Make the environment of a Python process that gets hostile bytes: it imports what we do, and knows no secret of ours.

    Args:
        threads: Of the loops that OpenMP runs.
    """
    folders = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path if folder)
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": str(threads),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": folders,
    }


class AskedProcess:
    """One such process; whoever derives from it says what is asked.

    Args:
        module: What runs in it; it answers with a message when it is ready, then each message with one.
        words: The words of its command line.
        most_bytes: Bytes that one answer may have.
        tells: Whether what it writes to standard error is shown.
    """

    def __init__(self, module: str, words: Sequence[str], most_bytes: int, *, tells: bool = False) -> None:
        self._module = module
        self._words = tuple(words)
        self._most_bytes = most_bytes
        self._tells = tells
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _runs(self) -> bool:
        process = self._process  # another thread may ask, too
        return process is not None and process.poll() is None

    def _begin(self, seconds: float) -> dict[str, Any]:
        """Start it in place of the one before, and read what it says first.

        Raises:
            BROKEN: It did not start, or not in time.
        """
        self._end()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", self._module, *self._words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # What a codec prints of hostile bytes is in its answer.
                stderr=None if self._tells else subprocess.DEVNULL,
                env=bare_environment(),
                start_new_session=True,  # Ctrl-C in a terminal reaches us, and we end it
                bufsize=0,
                cwd="/",
            )
            for pipe in (self._process.stdin, self._process.stdout):
                os.set_blocking(cast("IO[bytes]", pipe).fileno(), False)
            hello, _ = self._exchange([], seconds)
        except BROKEN:
            self._end()
            raise
        return hello

    def _exchange(self, pieces: Sequence[bytes | bytearray], seconds: float) -> tuple[dict[str, Any], list[bytes]]:
        """Send pieces, then read one message, all within a time.

        Raises:
            TimeoutError: It did not answer in time.
            BROKEN: It ended, or wrote no message.
        """
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

        return read_frame(read, self._most_bytes)

    def _await_end(self) -> int:
        """End it, and return its exit status: below 0 the signal that it died of, 0 where it did not end by itself."""
        process = cast("subprocess.Popen[bytes]", self._process)
        try:
            code = process.wait(5)
        except subprocess.TimeoutExpired:
            code = 0
        self._end()
        return code

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None


def how_it_ended(code: int) -> str:
    """Say in a few words how a process ended."""
    return f"exit status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _wait(pipe: IO[bytes] | None, event: int, deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(cast("IO[bytes]", pipe), event)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
