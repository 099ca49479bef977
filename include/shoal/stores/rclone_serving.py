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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from shoal.contract.errors import StoreError
from shoal.stores.rclone_access import USER
from shoal.stores.rclone_errors import last_words
from shoal.stores.rclone_listing import LOG_BYTES, PATIENCE

START_S = 20.0
END_S = 5.0

SERVE = ("rcd", "--rc-serve", *PATIENCE, "--low-level-retries", "1")
"""Whoever asks repeats it; rclone's own pauses grow to two seconds between all requests once a store is away."""

_ADDRESS = re.compile(r"Serving remote control on (http://127\.0\.0\.1:\d+)/")

# Whoever started it may be killed without a word: the pipe ends then, and rclone with it.
_KEEPER = 'exec 3<&0; "$@" </dev/null 3<&- & rclone=$!; { read -r _ <&3; kill "$rclone"; } & exec 3<&-; wait "$rclone"'


@dataclass(frozen=True)
class Door:
    """Where a store is served, and what is said to be let in."""

    url: str
    password: str


class Served:
    """A store that rclone serves to this process; started when it is first asked for, and anew where it ended. Thread-safe.

    Args:
        command: rclone, and what follows it in every command line.
        environment: Of the process.
    """

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._command, self._environment = command, environment
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._door: Door | None = None
        self._of_process = os.getpid()

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
        self._of_process, password = os.getpid(), secrets.token_hex(20)
        log: IO[bytes]
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                ["sh", "-c", _KEEPER, "sh", *self._command, *SERVE, "--rc-addr", "127.0.0.1:0"],
                env={**self._environment, "RCLONE_RC_USER": USER, "RCLONE_RC_PASS": password},
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
                f"rclone does not serve on loopback ({last_words(said)}) - see what is said of this machine"
            )
        self._process = process
        return Door(found[1], password)

    def end(self) -> None:
        """End it; it starts again when it is asked for."""
        with self._lock:
            if self._process is not None:
                _end(self._process, self._of_process)
            self._process = self._door = None


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
