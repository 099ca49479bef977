"""A file that is read as what was listed, before and after: it may be written to meanwhile."""

import errno
import os
from typing import BinaryIO

from shoal.contract.errors import ConfigError, shown
from shoal.stores.images import ImageChanged
from shoal.stores.kept_times import file_version, kept_in

_CHUNK_BYTES = 1 << 20


def read_listed(file: BinaryIO, key: str, uri: str, object_version: str, size_bytes: int) -> bytes:
    """Read the whole of a file that is what was listed, before and after.

    Raises:
        ImageChanged: It is not.
        ConfigError: Two mounts of one share tell its time otherwise: every image would be another one than was listed.
        OSError: It cannot be read, or ends early.
    """
    before = os.fstat(file.fileno())
    if (before.st_size, file_version(before)) != (size_bytes, object_version):
        if step := kept_in(object_version, before):
            raise ConfigError(
                f"{shown(uri, 200)} was listed as {object_version} and is {file_version(before)} here: a mount keeps times in "
                f"steps of {step} - reach the share by one protocol where Airflow's tasks run and here, then start a new run"
            )
        raise ImageChanged(f"{key}: {file_version(before)}, listed {object_version}")
    chunks, left = [], size_bytes + 1
    while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
        chunks.append(chunk)
        left -= len(chunk)
    after = os.fstat(file.fileno())
    if file_version(after) != object_version:
        raise ImageChanged(f"{key}: written to while it was read, {file_version(after)}, listed {object_version}")
    if left != 1:
        raise OSError(errno.EIO, f"{size_bytes + 1 - left} of {size_bytes} bytes")
    return b"".join(chunks)
