"""A service that the worker starts itself: a process beside it, which never outlives it."""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from shoal.contract.errors import ServiceError, one_line

log = logging.getLogger(__name__)

KEEPER = Path(__file__).with_name("keeper.py")

PASSED_ON = frozenset(
    (
        *("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
        *("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "OMP_NUM_THREADS"),
    )
)
"""What it gets of the worker's environment: no credentials, nor its Python path."""

END_S = 3.0
"""Its keeper has ended everything by then."""

KEPT_LINES = 20
LONGEST_LINE = 500


class LocalProcess:
    """A service and all that it starts, in a session of its own."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it.

        Raises:
            ServiceError: This machine starts no process.
        """
        self._last: deque[str] = deque(maxlen=KEPT_LINES)
        self._folder = tempfile.TemporaryDirectory(prefix="shoal-service-", ignore_cleanup_errors=True)
        environment = {name: value for name, value in os.environ.items() if name in PASSED_ON}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self._folder.name,
                env={**environment, "PYTHONUNBUFFERED": "1"},
            )
        except OSError as err:
            raise ServiceError(f"The service cannot be started: {err.strerror} - see this machine's limits") from err
        self._reader = threading.Thread(target=self._read, name="service's words", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Take what it prints, or it would wait for us once the pipe is full; the last lines are kept."""
        stream = self._process.stdout
        while stream is not None and (line := stream.readline(LONGEST_LINE)):
            if text := one_line(line.decode(errors="replace")):
                self._last.append(text)

    @property
    def ended(self) -> str | None:
        """How it ended, in words, its last line among them; None while it runs."""
        if (code := self._process.poll()) is None:
            return None
        self._reader.join(0.5)
        for line in self._last:
            log.warning("service: %s", line)
        said = f" ({self._last[-1]})" if self._last else ""
        return f"{_how(code)}{said}"

    def await_end(self) -> str | None:
        """How it ended, where its end was noticed before that of its keeper; None where it goes on."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        return self.ended

    def cancel(self) -> None:
        """Let its keeper end it, without waiting for that."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def end(self) -> None:
        """End it, and all that it started; on a machine that is busy its keeper goes on with that when nobody waits any more."""
        self.cancel()
        with suppress(subprocess.TimeoutExpired):  # its keeper is not killed: it alone knows what is left
            self._process.wait(END_S)
        self._folder.cleanup()


def _how(code: int) -> str:
    number = code - 128 if code > 128 else -code
    try:
        return f"was killed by {signal.Signals(number).name}" if number > 0 else f"ended with exit status {code}"
    except ValueError:
        return f"ended with exit status {code}"


class FreePort:
    """A port of this machine that no other worker gives its service; free when it was chosen."""

    def __init__(self) -> None:
        while True:
            with socket.socket() as asked:
                asked.bind(("127.0.0.1", 0))
                self.number: int = asked.getsockname()[1]
            self._claim = socket.socket(socket.AF_UNIX)
            try:
                # A name that goes with its holder, on Linux: two workers never ask one service.
                self._claim.bind(f"\0shoal-service-{self.number}")
            except OSError:
                self._claim.close()
                if sys.platform == "linux":
                    continue
            return

    def close(self) -> None:
        """Let others have it."""
        self._claim.close()
