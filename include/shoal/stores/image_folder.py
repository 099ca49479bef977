"""Images that are files below a folder, a disk's or a share's: listed and read as a bucket's are, and never written to."""

import errno
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, BinaryIO, NoReturn

from shoal.contract.errors import (
    ConfigError,
    ContractError,
    NoEventsError,
    NoRunKeyError,
    StoreError,
    TooLargeError,
    shown,
)
from shoal.contract.gone_objects import gone
from shoal.contract.run_rights import Rights
from shoal.stores.files_here import FilesHere
from shoal.stores.folder_access import IN_PODS, FolderAccess
from shoal.stores.folder_listing import look_into, walk
from shoal.stores.images import (
    Fetched,
    ImageChanged,
    ImageDenied,
    ImageMissing,
    ImageUnnamable,
    refuse_segments,
)
from shoal.stores.json_objects import JsonObjects
from shoal.stores.kept_times import file_version, kept_in
from shoal.stores.mount_points import find_away, mount_points
from shoal.stores.object_store import Connection, FolderLevel, ListedObject, RcloneRemote
from shoal.stores.pieces import Piece, Span

PAUSES_S = (1.0, 2.0, 4.0)
"""Waits before a file is tried again: a share whose server starts anew comes back, and one that is away is asked seldom."""

_ONLY_ON_THE_WAY = getattr(os, "O_PATH", os.O_RDONLY)
_FOLDER = _ONLY_ON_THE_WAY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Nothing is waited for: a pipe that took a file's place has nobody at its other end."""

_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""No such file, none on the way to it, or a link in its place, which no listing shows."""
_CLOSED = frozenset({errno.EACCES, errno.EPERM})
_NO_NAMES = frozenset({errno.ENAMETOOLONG, errno.EINVAL})
_SEGMENTS = frozenset({"", ".", ".."})
_CHUNK_BYTES = 1 << 20


class _AwayError(StoreError):
    """A disk or share is away, or seems to be: whoever waited for it once does not wait for each of its images."""

    def __init__(self, place: str, said: str) -> None:
        super().__init__(said)
        self.place = place


class ImageFolder(FilesHere, JsonObjects):
    """An `ObjectStore` of images alone; whatever would write is refused. Thread-safe.

    Args:
        access: Where the folder is for this process.
        bucket: Its path as the dataset file has it, for people.
    """

    address = None
    hurried = False
    most_reads = 8
    """A disk gives no more to more of them, a share hardly."""

    def __init__(self, access: FolderAccess, bucket: str) -> None:
        self.access = access
        self.bucket = bucket
        self._root = access.path
        self._listed_on: Iterable[str] = ()
        self._waited_for: set[str] = set()

    @staticmethod
    def access_from_env(role: str, environ: Mapping[str, str] = os.environ) -> FolderAccess:
        """See `StoreKind.access_from_env`."""
        return FolderAccess.from_env(role, environ)

    @staticmethod
    def access_from_connection(connection: Connection) -> NoReturn:
        """Say that a folder needs none."""
        raise ConfigError(
            f"Airflow connection {connection.conn_id!r} is of kind folder - a folder needs none and holds images alone: "
            "source.kind: folder and source.path"
        )

    @staticmethod
    def limit_access(access: Any, bucket: str, rights: Rights, least: timedelta, wanted: timedelta) -> NoReturn:  # noqa: ARG004
        """See `StoreKind.limit_access`."""
        raise NoRunKeyError("a volume has no keys")

    @staticmethod
    def rclone_remote(role: str, bucket: str) -> RcloneRemote | None:  # noqa: ARG004 - as every kind is asked
        """See `StoreKind.rclone_remote`: pods get the volume itself."""
        return None

    @property
    def located(self) -> FolderAccess:
        """See `ImageStore.located`: pods find the volume where it is mounted for them."""
        return replace(self.access, path=IN_PODS)

    @property
    def ground(self) -> tuple[str, ...]:
        """See `ImageStore.ground`."""
        return mount_points(self._root)

    def stand_on(self, ground: Iterable[str]) -> None:
        """Remember what the folder stands on: an image that is not there while one of these mounts is away is not gone.

        Args:
            ground: What it stood on when it was listed, by names of the machine that lists. A pod has others.
        """
        self._listed_on = ground if self._root == self.bucket else ()

    @cached_property
    def _stood_on(self) -> frozenset[str]:
        """What was mounted when the first image was read, or before."""
        return frozenset([*self.ground, *self._listed_on])

    def read(self, key: str, object_version: str, size_bytes: int) -> Fetched:
        """See `ImageSource.read`: version and size are compared before and after, for a file may be written to meanwhile."""
        for pause_s in (*PAUSES_S, None):
            try:
                with self._opened(key) as file:
                    data = _read_listed(file, key, self.uri(key), object_version, size_bytes)
                    return Fetched(data, version_checked=True)
            except _AwayError as err:
                if pause_s is None or err.place in self._waited_for:
                    self._waited_for.add(err.place)
                    raise
            except OSError as err:
                if pause_s is None:
                    raise self._failed(key, err) from err
            time.sleep(pause_s)
        raise AssertionError("the last pause is None")

    def list_objects(
        self,
        prefix: str = "",
        *,
        whole: bool = False,  # noqa: ARG002 - the door's
        unlisted: Counter[str] | None = None,
    ) -> Iterator[ListedObject]:
        """See `ImageStore.list_objects`; the version is size and time of last change."""
        return walk(self._root, prefix, self.access.settle_s, Counter() if unlisted is None else unlisted)

    def list_keys(self, prefix: str) -> list[str]:
        """See `ImageStore.list_keys`."""
        return [found.key for found in self.list_objects(prefix)]

    def list_folders(self, prefix: str) -> list[str]:
        """See `ImageStore.list_folders`."""
        names = (found.key[len(prefix) :].partition("/") for found in self.list_objects(prefix))
        return sorted({name for name, slash, _ in names if slash})

    def look_into(self, folder: str, pages: int, after: str = "") -> FolderLevel:
        """See `ImageStore.look_into`: a directory, in which what was just written is left out as it is listed nowhere."""
        return look_into(self._root, folder, self.access.settle_s, pages * 1000, after)

    def listen(self, prefix: str) -> NoReturn:  # noqa: ARG002 - as every kind is asked
        """See `ImageStore.listen`."""
        raise NoEventsError(f"Folder {self.bucket} tells nobody what comes")

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
                raise ConfigError(_may_not_be_read(shown(self.uri(key), 200))) from err
            if err.errno in _MISSING | _NO_NAMES:
                return False
            raise self._failed(key, err) from err
        return True

    def find_bytes(self, key: str, most: int | None = None) -> bytes | None:
        """See `ImageStore.find_bytes`."""
        try:
            with self._opened(key) as file:
                data = file.read() if most is None else file.read(most + 1)
        except ImageMissing:
            return None
        except ImageDenied as err:
            raise ConfigError(str(err)) from err
        except OSError as err:
            raise self._failed(key, err) from err
        if most is not None and len(data) > most:
            raise ContractError(f"File {shown(self.uri(key), 200)} is not read: it has more than {most} bytes")
        return data

    def download(self, key: str, path: Path, most: int | None = None) -> None:
        """See `ImageStore.download`."""
        try:
            data = self.find_bytes(key, most)
        except ContractError as err:
            raise TooLargeError(str(err)) from err
        if data is None:
            raise gone(key, self.bucket)
        path.write_bytes(data)

    def find_piece(self, key: str, first: int | None, size_bytes: int) -> Piece | None:
        """See `ImageStore.find_piece`."""
        try:
            with self._opened(key) as file:
                found = os.fstat(file.fileno())
                begin = max(0, found.st_size - size_bytes) if first is None else first
                file.seek(begin)
                data = file.read(size_bytes)
        except ImageMissing as err:
            raise gone(key, self.bucket) from err
        except ImageDenied as err:
            raise ConfigError(str(err)) from err
        except OSError as err:
            raise self._failed(key, err) from err
        return Piece(Span(begin, begin + len(data), found.st_size, file_version(found)), data)

    @contextmanager
    def _opened(self, key: str) -> Iterator[BinaryIO]:
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
        where = shown(self.uri(key), 200)
        if err.errno in _MISSING:
            if away := find_away(stood_on, self._root, key):
                return _AwayError(away, f"{where} is not there, and nothing is mounted at {away} any more - mount it")
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
        at = f" (here {self._root}{below})" if self._root != self.bucket else ""
        removed = "; where its images were removed, start a new run" if below else ""
        place = f"{self.bucket}{below}"
        return _AwayError(
            place, f"Folder {shown(place, 200)}{at} {how} - mount the disk or share that holds it{removed}"
        )

    def _failed(self, key: str, err: OSError) -> StoreError:
        return StoreError(
            f"File {shown(self.uri(key), 200)} cannot be read ({err.strerror or err}) - look at its disk or its share"
        )

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ConfigError(f"Folder {self.bucket} holds images and is only read - results go to a bucket")

    stream = find_version = replace_bytes = write_bytes = upload = delete = _refuse
    write_json = replace_json = list_unfinished_uploads = abort_upload = _refuse


def _is_empty(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def _may_not_be_read(where: str) -> str:
    return f"{where} may not be read by this process (user {os.getuid()}) - give it the right"


def _read_listed(file: BinaryIO, key: str, uri: str, object_version: str, size_bytes: int) -> bytes:
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
