"""An S3 server whose buckets are folders that tests look into."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shoal.embedded.processes import rclone
from shoal.stores.s3_access import StoreAccess


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
    folder = tmp_path_factory.mktemp("store")
    (folder / "data").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        # What a test lays into a folder is to be seen at once.
        patch.setattr(rclone, "SERVE_FLAGS", (*rclone.SERVE_FLAGS[:-1], "10ms"))
        with rclone.embedded_store(folder / "data", folder / "store.log") as access:
            yield LocalStore(folder / "data", access)


@pytest.fixture
def empty_bucket(running_store, request) -> str:
    """Name of a bucket that exists and that no other test uses."""
    name = f"bucket-{abs(hash(request.node.nodeid)) % 10**10}"
    running_store.make_bucket(name)
    return name
