import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shoal.stores.s3_access import StoreAccess

LOGIN, PASSWORD = "accesskey123", "secretkey123456"


@dataclass(frozen=True)
class LocalStore:
    """A running S3 server; its buckets are the folders below `root`."""

    root: Path
    access: StoreAccess

    def make_bucket(self, name: str) -> None:
        self.access.connect().make_bucket(name)

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self.access.connect().put_object(bucket, key, io.BytesIO(data), len(data))


@pytest.fixture(scope="session")
def running_store(tmp_path_factory) -> Iterator[LocalStore]:
    root = tmp_path_factory.mktemp("store")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("rclone")),
            *("serve", "s3", "--addr", f"127.0.0.1:{port}", "--config", "/dev/null"),
            *("--vfs-cache-mode", "off", "--dir-cache-time", "10ms", str(root)),
        ],
        env={**os.environ, "RCLONE_AUTH_KEY": f'"{LOGIN},{PASSWORD}"'},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for_port(port)
        yield LocalStore(root, StoreAccess(f"http://127.0.0.1:{port}", LOGIN, PASSWORD))
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=10)


@pytest.fixture
def empty_bucket(running_store, request) -> str:
    """Name of a bucket that exists and that no other test uses."""
    name = f"bucket-{abs(hash(request.node.nodeid)) % 10**10}"
    running_store.make_bucket(name)
    return name


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")
