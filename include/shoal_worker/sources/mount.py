"""`transfer: mount`: images as plain files below the folder where the sidecar mounted the bucket."""

import errno
import hashlib
import io
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from shoal.contract.errors import StoreError
from shoal.stores.images import Fetched, ImageChanged, ImageGone, ImageUnnamable
from shoal.stores.mounted_names import mounted_path

PAUSES_S = (1.0, 2.0, 4.0)
"""Waits before a file is tried again: a mount that died comes back with its sidecar."""

_WAY_OUT = "read it with transfer: direct, or rename the object"
_MD5_ETAG = re.compile(r"[0-9a-f]{32}")
_NO_FILE = frozenset({errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ENOTDIR})
"""The key may be an object all the same, which no file system can show: `a.jpg` beside `a.jpg/b.jpg`, say."""


_CHUNK_BYTES = 1 << 20
"""Read at a time: a large image that comes slowly is seen to come."""


@dataclass(frozen=True)
class AskedFor:
    """An image as it was asked for: key, version and size as listed."""

    key: str
    object_version: str
    size_bytes: int


class MountSource:
    """Reads images from a mounted bucket; thread-safe.

    Args:
        root: Where it is mounted.
        pauses_s: Waits before a file is tried again.
    """

    most_reads = 8
    """Each is held by the sidecar, too, whose memory was not sized for more."""

    def __init__(self, root: Path, pauses_s: tuple[float, ...] = PAUSES_S) -> None:
        self.root = root
        self._pauses_s = pauses_s
        self.last_byte_s = time.monotonic()
        """When something was read last; its making counts."""
        self.asked: AskedFor | None = None
        """The image that was asked for last."""
        self.known: AskedFor | None = None
        """The smallest image that was read."""

    def read(self, key: str, object_version: str, size_bytes: int) -> Fetched:
        """See `ImageSource.read`.

        A file carries no ETag: the size is compared, and the MD5 of the bytes where the version is one (the ETag of objects
        uploaded in one part). A file's time is no version: the mount does not show the
        object's.
        """
        self.asked = asked = AskedFor(key, object_version, size_bytes)
        data = self._read_file(key, mounted_path(key), size_bytes)
        if self.known is None or size_bytes < self.known.size_bytes:
            self.known = asked
        is_md5 = _MD5_ETAG.fullmatch(object_version.strip('"')) is not None
        if is_md5 and hashlib.md5(data, usedforsecurity=False).hexdigest() != object_version.strip('"'):
            raise ImageChanged(f"{key}: MD5 of the bytes is not the listed ETag {object_version}")
        return Fetched(data, version_checked=is_md5)

    def _read_file(self, key: str, path: str, size_bytes: int) -> bytes:
        """Read one file, again after a pause where the mount failed."""
        for pause_s in (*self._pauses_s, None):
            try:
                return self._read_exactly(self.root / path, size_bytes)
            except FileNotFoundError as err:
                if self._is_mounted():
                    raise ImageGone(key) from err
                failure: OSError = err
            except OSError as err:
                failure = err
            if failure.errno in _NO_FILE:
                raise ImageUnnamable(
                    f"Key {key!r} cannot be read as a file ({failure.strerror}) - {_WAY_OUT}"
                ) from failure
            if pause_s is None:
                raise self._dead_mount(key, failure) from failure
            time.sleep(pause_s)
        raise AssertionError("the last pause is None")

    def _is_mounted(self) -> bool:
        """Whether the root shows something: an unmounted or missing bucket looks like an empty folder."""
        try:
            with os.scandir(self.root) as entries:
                return next(entries, None) is not None
        except OSError:
            return False

    def _dead_mount(self, key: str, failure: OSError) -> StoreError:
        return StoreError(
            f"Mount {self.root} failed for {key!r}: {failure.strerror or failure} - check the bucket sidecar's log"
        )

    def _read_exactly(self, path: Path, size_bytes: int) -> bytes:
        """Read a file of the listed size.

        Raises:
            ImageChanged: It has another size; then it is not read.
            OSError: It cannot be read, or ends early.
        """
        with path.open("rb", buffering=0) as file, io.BytesIO() as read:
            size_now = os.fstat(file.fileno()).st_size
            if size_now != size_bytes:
                raise ImageChanged(f"{path.name}: {size_now} bytes, listed {size_bytes}")
            while chunk := file.read(_CHUNK_BYTES):
                read.write(chunk)
                self.last_byte_s = time.monotonic()
            data = read.getvalue()
        if len(data) != size_bytes:
            raise OSError(errno.EIO, f"{len(data)} of {size_bytes} bytes")
        return data
