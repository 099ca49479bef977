"""A WebDAV server over a folder, on a port that stays its own when it goes away and comes back."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cluster.processes import free_port
from shoal.stores.access import Connection
from shoal.stores.rclone import RcloneStore
from shoal.stores.rclone_access import RcloneAccess
from shoal.stores.rclone_program import find_rclone

STARTS_S = 60
USER, PASSWORD = "reef", 'cor\'al $HOME "reef"'


class WebdavServer:
    """`rclone serve webdav`: started and stopped as a test likes.

    Args:
        folder: What it serves.
        host: Address that it listens on.
    """

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.host = host
        self.port = free_port(host)
        self.url = f"http://{host}:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, password: str) -> tuple[list[str], dict[str, str]]:
        """The words that start it, and what it needs in its environment."""
        words = ["serve", "webdav", str(self.folder), "--addr", f"{self.host}:{self.port}", "--config", os.devnull]
        return [find_rclone(), *words, "--dir-cache-time", "0s"], {"RCLONE_USER": USER, "RCLONE_PASS": password}

    def start(self, password: str = PASSWORD) -> None:
        words, environment = self.command(password)
        self._process = subprocess.Popen(
            words, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + STARTS_S
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < deadline, f"{self.url} does not start"
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()  # Apache ends its own children then
            self._process.wait(STARTS_S)

    def access(self, section: Mapping[str, str] | None = None, password: str = PASSWORD) -> RcloneAccess:
        """What a connection to it holds."""
        written = {"type": "webdav", "url": self.url, **(section or {})}
        connection = Connection("dav", "", None, USER, password, {"kind": "rclone", "rclone": written})
        return RcloneStore.access_from_connection(connection)


@contextmanager
def serving(folder: Path, kind: type[WebdavServer] = WebdavServer, host: str = "127.0.0.1") -> Iterator[WebdavServer]:
    server = kind(folder, host)
    server.start()
    try:
        yield server
    finally:
        server.stop()
