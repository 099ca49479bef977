"""The files below a folder, opened by their keys, and what it says of a file when it cannot be opened: gone, closed, or away."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from shoal.contract.errors import ConfigError, StoreError, shown
from shoal.stores.images import ImageDenied, ImageMissing, ImageUnnamable, refuse_segments
from shoal.stores.mount_points import find_away, mount_points

_ONLY_ON_THE_WAY = getattr(os, "O_PATH", os.O_RDONLY)
_FOLDER = _ONLY_ON_THE_WAY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Nothing is waited for: a pipe that took a file's place has nobody at its other end."""

_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""No such file, none on the way to it, or a link in its place, which no listing shows."""
_CLOSED = frozenset({errno.EACCES, errno.EPERM})
_NO_NAMES = frozenset({errno.ENAMETOOLONG, errno.EINVAL})
_SEGMENTS = frozenset({"", ".", ".."})


class AwayError(StoreError):
    """A disk or share is away, or seems to be: whoever waited for it once does not wait for each of its images."""

    def __init__(self, place: str, said: str) -> None:
        super().__init__(said)
        self.place = place


class FolderFiles:
    """Files below one folder; thread-safe.

    Args:
        root: Where the folder is for this process.
        bucket: Its path as the dataset file has it, for people.
    """

    def __init__(self, root: str, bucket: str) -> None:
        self._root = root
        self._bucket = bucket
        self._listed_on: Iterable[str] = ()

    @property
    def ground(self) -> tuple[str, ...]:
        """See `ImageStore.ground`."""
        return mount_points(self._root)

    def stand_on(self, ground: Iterable[str]) -> None:
        """Remember what the folder stands on: an image that is not there while one of these mounts is away is not gone.

        Args:
            ground: What it stood on when it was listed, by names of the machine that lists. A pod has others.
        """
        self._listed_on = ground if self._root == self._bucket else ()

    @cached_property
    def _stood_on(self) -> frozenset[str]:
        """What was mounted when the first image was read, or before."""
        return frozenset([*self.ground, *self._listed_on])

    def where(self, key: str) -> str:
        """Name a file for people."""
        return shown(f"{self._bucket}/{key}", 200)

    def has(self, key: str) -> bool:
        """Tell whether there is such a file; nothing is read, and an empty folder is not taken for a disk that is away.

        Raises:
            ConfigError: It may not be looked for.
            StoreError: Disk or share failed.
        """
        try:
            os.close(self._open(key))
        except ImageUnnamable:
            return False
        except OSError as err:
            if err.errno in _CLOSED:
                raise ConfigError(_may_not_be_read(self.where(key))) from err
            if err.errno in _MISSING | _NO_NAMES:
                return False
            raise self.failed(key, err) from err
        return True

    @contextmanager
    def opened(self, key: str) -> Iterator[BinaryIO]:
        """Open the file of a key, from folder to folder and never through a link.

        Raises:
            ImageMissing, ImageDenied, ImageUnnamable: It is not there, not readable, or no file's name.
            StoreError: The folder itself is not what it was.
            OSError: Disk or share failed.
        """
        stood_on = self._stood_on
        try:
            descriptor = self._open(key)
        except OSError as err:
            if (meaning := self._explain(key, err, stood_on)) is None:
                raise
            raise meaning from err
        with os.fdopen(descriptor, "rb") as file:
            yield file

    def failed(self, key: str, err: OSError) -> StoreError:
        """Say that disk or share failed."""
        return StoreError(
            f"File {self.where(key)} cannot be read ({err.strerror or err}) - look at its disk or its share"
        )

    def _open(self, key: str) -> int:
        refuse_segments(key, _SEGMENTS, "name a file below the folder")
        if "\0" in key:
            raise ImageUnnamable(f"Key {shown(key, 200)!r} is no file's name")
        *folders, name = key.split("/")
        here = self._open_root()
        try:
            for folder in folders:
                below = os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
                os.close(here)
                here = below
            descriptor = os.open(name, _FILE, dir_fd=here)
        finally:
            os.close(here)
        if not S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, "No file")
        return descriptor

    def _open_root(self) -> int:
        try:
            return os.open(self._root, _FOLDER)
        except OSError as err:
            raise self._absent("", f"is not there ({err.strerror or err})") from err

    def _explain(self, key: str, err: OSError, stood_on: frozenset[str]) -> Exception | None:
        """Tell what a failure to open says of this file; None where it says nothing of it."""
        where = self.where(key)
        if err.errno in _MISSING:
            if away := find_away(stood_on, self._root, key):
                return AwayError(away, f"{where} is not there, and nothing is mounted at {away} any more - mount it")
            if _is_empty(f"{self._root}{(deepest := self._deepest(key))}"):
                return self._absent(deepest, "is empty now")
            return ImageMissing(
                f"{where} is not there any more ({err.strerror}) - if a disk or share is away, mount it"
            )
        if err.errno in _CLOSED:
            return ImageDenied(_may_not_be_read(where))
        if err.errno in _NO_NAMES:
            return ImageUnnamable(f"{where} is no file's name ({err.strerror}) - rename it")
        return None

    def _deepest(self, key: str) -> str:
        """Name the last folder on the way to a file that is there, with a slash before it; empty for the folder itself."""
        there = ""
        for name in key.split("/")[:-1]:
            try:
                found = os.lstat(f"{self._root}{there}/{name}")
            except OSError:
                break
            if not S_ISDIR(found.st_mode):
                break
            there = f"{there}/{name}"
        return there

    def _absent(self, below: str, how: str) -> StoreError:
        at = f" (here {self._root}{below})" if self._root != self._bucket else ""
        removed = "; where its images were removed, start a new run" if below else ""
        place = f"{self._bucket}{below}"
        return AwayError(
            place, f"Folder {shown(place, 200)}{at} {how} - mount the disk or share that holds it{removed}"
        )


def _is_empty(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def _may_not_be_read(where: str) -> str:
    return f"{where} may not be read by this process (user {os.getuid()}) - give it the right"
