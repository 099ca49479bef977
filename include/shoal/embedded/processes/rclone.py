"""The embedded object store: `rclone serve s3` over a folder, on loopback, for as long as one command runs."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shoal.contract.errors import StoreError
from shoal.engines.local.process import end_process
from shoal.stores.rclone_program import find_rclone
from shoal.stores.s3_access import TRANSPORT_ERRORS, StoreAccess

START_S = 60
STOP_S = 10
SERVE_FLAGS = ("--config", os.devnull, "--copy-links", "--dir-cache-time", "2s")
"""Photos dropped into a folder while the store runs are seen within two seconds."""


@dataclass(frozen=True)
class RunningStore:
    """A store that was started here.

    Attributes:
        access: Its address and keys.
        process: The server.
    """

    access: StoreAccess
    process: "subprocess.Popen[bytes]"


@contextmanager
def embedded_store(folder: Path, log: Path) -> Iterator[StoreAccess]:
    """Serve the subfolders of `folder` as buckets, for those who only want to use them: see `running_store`."""
    with running_store(folder, log) as store:
        yield store.access


@contextmanager
def running_store(folder: Path, log: Path) -> Iterator[RunningStore]:
    """Serve the subfolders of `folder` as buckets; keys are made anew at every start and stay in memory.

    Args:
        folder: One subfolder per bucket; symbolic links are followed.
        log: File for the server's own messages.

    Raises:
        ConfigError: rclone is not installed.
        StoreError: The server does not answer.
    """
    process = None
    try:
        with _free_port() as port:
            access = StoreAccess(f"http://127.0.0.1:{port}", secrets.token_hex(10), secrets.token_hex(20))
            process = _start(folder, access, log)
            _wait_until_up(process, access, log)
        yield RunningStore(access, process)
    finally:
        if process is not None:
            end_process(process, STOP_S)


def _start(folder: Path, access: StoreAccess, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as messages:
        return subprocess.Popen(
            [find_rclone(), "serve", "s3", str(folder), "--addr", access.host, *SERVE_FLAGS],
            env={**os.environ, "RCLONE_AUTH_KEY": f'"{access.access_key},{access.secret_key}"'},
            stdout=messages,
            stderr=messages,
            # Ctrl-C must reach the workers first: they write their last part into this store.
            start_new_session=True,
        )


@contextmanager
def _free_port() -> Iterator[int]:
    """Choose a port, and hold it while a server starts: nobody else is given it meanwhile, who would be taken for the server."""
    with socket.socket() as held:
        # On Linux such a socket lets another such one listen at its port, as servers make theirs; elsewhere it may not.
        if shared := sys.platform == "linux":
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
        if not shared:
            held.close()
        yield port


def _wait_until_up(process: "subprocess.Popen[bytes]", access: StoreAccess, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        # Asked before anything listens there, a client tries again by itself and warns of it, in whatever reads the opener's log.
        if not _listens(access):
            time.sleep(0.02)
            continue
        try:
            access.connect().list_buckets()
        except TRANSPORT_ERRORS:
            time.sleep(0.1)
        else:
            return
    code = process.poll()
    how = f"in {START_S} s" if code is None else f"(rclone ended with exit code {code})"
    raise StoreError(f"The embedded store at {access.endpoint_url} did not start {how} - see {log}")


def _listens(access: StoreAccess) -> bool:
    host, _, port = access.host.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0
