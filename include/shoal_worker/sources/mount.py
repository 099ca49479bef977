"""`transfer: mount`: images as plain files below the folder where the sidecar mounted the bucket."""

import errno
import hashlib
import os
import re
import time
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


class MountSource:
    """Reads images from a mounted bucket; thread-safe."""

    def __init__(self, root: Path, pauses_s: tuple[float, ...] = PAUSES_S) -> None:
        self._root = root
        self._pauses_s = pauses_s

    def read(self, key: str, object_version: str, size_bytes: int) -> Fetched:
        """See `ImageSource.read`.

        A file carries no ETag: the size is compared, and the MD5 of the bytes where the version is one (the ETag of objects
        uploaded in one part). A file's time is no version: the mount does not show the
        object's.
        """
        data = self._read_file(key, mounted_path(key), size_bytes)
        is_md5 = _MD5_ETAG.fullmatch(object_version.strip('"')) is not None
        if is_md5 and hashlib.md5(data, usedforsecurity=False).hexdigest() != object_version.strip('"'):
            raise ImageChanged(f"{key}: MD5 of the bytes is not the listed ETag {object_version}")
        return Fetched(data, version_checked=is_md5)

    def _read_file(self, key: str, path: str, size_bytes: int) -> bytes:
        """Read one file, again after a pause where the mount failed."""
        for pause_s in (*self._pauses_s, None):
            try:
                return _read_exactly(self._root / path, size_bytes)
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
            with os.scandir(self._root) as entries:
                return next(entries, None) is not None
        except OSError:
            return False

    def _dead_mount(self, key: str, failure: OSError) -> StoreError:
        return StoreError(
            f"Mount {self._root} failed for {key!r}: {failure.strerror or failure} - check the bucket sidecar's log"
        )


def _read_exactly(path: Path, size_bytes: int) -> bytes:
    """Read a file of the listed size.

    Raises:
        ImageChanged: It has another size; then it is not read.
        OSError: It cannot be read, or ends early.
    """
    with path.open("rb", buffering=0) as file:
        size_now = os.fstat(file.fileno()).st_size
        if size_now != size_bytes:
            raise ImageChanged(f"{path.name}: {size_now} bytes, listed {size_bytes}")
        data = file.readall()
    if len(data) != size_bytes:
        raise OSError(errno.EIO, f"{len(data)} of {size_bytes} bytes")
    return data
