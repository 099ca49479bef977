"""rclone on loopback: gives single files of a store by their keys to this process, which speaks HTTP to it.

Its remote control gives a file without listing the folder around it, as its mounts and `serve http` do, and says why it does not.
"""

import atexit
import os
import re
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from shoal.contract.errors import StoreError
from shoal.stores.rclone_access import USER, RcloneAccess
from shoal.stores.rclone_listing import PATIENCE
from shoal.stores.rclone_log import LOG_BYTES, last_words
from shoal.stores.rclone_program import Rclone

START_S = 20.0
END_S = 5.0

KEPT = 4
IDLE_S = 900.0
"""Of the stores that a process serves to itself so many stay, and those that were asked for so lately."""

SERVE = ("rcd", "--rc-serve", *PATIENCE, "--low-level-retries", "1")
"""Whoever asks repeats it; rclone's own pauses grow to two seconds between all requests once a store is away."""

_ADDRESS = re.compile(r"Serving remote control on (http://127\.0\.0\.1:\d+)/")

# Whoever started it may be killed without a word: the pipe ends then, and rclone with it. Where rclone ends before, so does who
# waits for the pipe: the number of the process may be a stranger's by then.
_KEEPER = (
    'exec 3<&0; "$@" </dev/null 3<&- & rclone=$!; { read -r _ <&3; kill "$rclone"; } & keeper=$!; exec 3<&-; '
    'wait "$rclone"; status=$?; kill "$keeper"; wait "$keeper"; exit "$status"'
)


@dataclass(frozen=True)
class Door:
    """Where a store is served, and what is said to be let in."""

    url: str
    password: str


class Served:
    """A store that rclone serves to this process; started when it is first asked for, and anew where it ended. Thread-safe.

    Args:
        rclone: The program.
    """

    def __init__(self, rclone: Rclone) -> None:
        self._rclone = rclone
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._door: Door | None = None
        self._of_process = os.getpid()
        self.asked_at = 0.0

    def door(self) -> Door:
        """Tell where it is.

        Raises:
            StoreError: It does not start.
        """
        with self._lock:
            is_own = self._of_process == os.getpid()  # a fork has its parent's, which ends with that one
            if self._door is None or not is_own or self._process is None or self._process.poll() is not None:
                self._door = self._start()
            return self._door

    def _start(self) -> Door:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()  # ended; or it is the parent's, and ends with that one alone
        self._of_process, password = os.getpid(), secrets.token_hex(20)
        log: IO[bytes]
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                ["sh", "-c", _KEEPER, "sh", *self._rclone.command, *SERVE, "--rc-addr", "127.0.0.1:0"],
                env={**self._rclone.environment, "RCLONE_RC_USER": USER, "RCLONE_RC_PASS": password},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # who stops a worker does not stop what it reads by
            )
            atexit.register(_end, process, os.getpid())
            said, deadline = "", time.monotonic() + START_S
            while not (found := _ADDRESS.search(said)) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
                said = os.pread(log.fileno(), LOG_BYTES, 0).decode(errors="replace")
        if found is None:
            _end(process, os.getpid())
            raise StoreError(
                f"rclone does not serve on loopback ({last_words(said, self._rclone.clean)}) - see what is said of this machine"
            )
        self._process = process
        return Door(found[1], password)

    def end(self) -> None:
        """End it; it starts again when it is asked for."""
        with self._lock:
            if self._process is not None:
                _end(self._process, self._of_process)
            self._process = self._door = None


_SERVED: dict[str, Served] = {}
_SERVED_LOCK = threading.Lock()
"""What this process serves to itself, by what tells two accesses apart; what was asked for last stands last."""


def serve(access: RcloneAccess, rclone: Callable[[], Rclone]) -> Served:
    """Find what serves an access, or make it; ask for each file, so that those which nobody asks for any more can end.

    Args:
        access: The store; pages open one for every look, and a token that was renewed makes it another.
        rclone: Makes ready what starts it.
    """
    said = f"{access.door}\n{access.ca_file}"
    with _SERVED_LOCK:
        served = _SERVED.pop(said, None) or Served(rclone())
        _SERVED[said] = served
        served.asked_at = time.monotonic()
        idle = [name for name, one in list(_SERVED.items())[:-KEPT] if served.asked_at - one.asked_at > IDLE_S]
        ended = [_SERVED.pop(name) for name in idle]
    for one in ended:
        one.end()
    return served


def _end(process: "subprocess.Popen[bytes]", of_process: int) -> None:
    if os.getpid() != of_process:
        return
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
