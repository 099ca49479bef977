"""A folder that a service may write to as well: whatever lies in it, nothing outside of it is ever read or written.

Whoever writes to it may lay a link where a file was promised. The worker holds credentials that the service is not to see, so
every step is opened from the one before, and no link is followed.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from shoal.contract.errors import shown
from shoal_worker.services.asking import MOST_ANSWER_BYTES, RefusedError

MOST_FILES = 64
"""Files that one image may have besides."""

MOST_FILE_BYTES = 64 << 20
"""Of all of them together."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def opened(name: str | Path, within: int | None = None) -> Iterator[int]:
    """Open a folder in another one.

    Raises:
        OSError: It is none.
    """
    folder = os.open(name, _FOLDER, dir_fd=within)
    try:
        yield folder
    finally:
        os.close(folder)


def open_pipe(name: str, flags: int, within: int) -> int:
    """Open a named pipe without waiting for its other end.

    Raises:
        OSError: It is none, or nobody is there to read.
    """
    pipe = os.open(name, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
        os.close(pipe)
        raise OSError(errno.ENXIO, "it is no named pipe")
    return pipe


def lay(name: str, data: bytes, within: int) -> None:
    """Write a file that others may read.

    Raises:
        OSError: There is something of its name, or no room.
    """
    to = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=within)
    with os.fdopen(to, "wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), 0o644)


def make_folder(name: str, within: int, *, for_all: bool) -> None:
    """Make a folder, that the service may write to or only read: it may be another user."""
    os.mkdir(name, dir_fd=within)
    with opened(name, within) as folder:
        os.fchmod(folder, 0o777 if for_all else 0o755)


def read_file(name: str, within: int, most: int = MOST_ANSWER_BYTES) -> bytes:
    """Read a file, and one byte more than `most` of a larger one.

    Raises:
        RefusedError: It is no plain file, or may not be read.
    """
    try:
        file = os.open(name, _FILE, dir_fd=within)
    except OSError as err:
        raise RefusedError(f"its file {shown(name, 80)!r} cannot be read: {err.strerror}") from err
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise RefusedError(f"its file {shown(name, 80)!r} is a folder or a device, no file")
        return stream.read(most + 1)


def read_all(within: int) -> dict[str, bytes]:
    """Read what a service left in its folder, by name; folders in it are passed over with their names in front.

    Raises:
        RefusedError: There is more than is kept, or something that is no plain file.
    """
    found: dict[str, bytes] = {}
    left = MOST_FILE_BYTES
    for path, _, names, folder in os.fwalk(".", dir_fd=within, follow_symlinks=False):
        for name in sorted(names):
            if len(found) >= MOST_FILES:
                raise RefusedError(f"it made more than {MOST_FILES} files of one image")
            data = read_file(name, folder, left)
            left -= len(data)
            if left < 0:
                raise RefusedError(f"it made more than {MOST_FILE_BYTES >> 20} MiB of files of one image")
            found[str(PurePosixPath(path) / name)] = data
    return found


def remove(name: str, within: int) -> None:
    """Remove a folder with all in it, as far as that may be done."""
    shutil.rmtree(name, ignore_errors=True, dir_fd=within)
