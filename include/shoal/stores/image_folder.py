"""Images that are files below a folder, a disk's or a share's: listed and read as a bucket's are, and never written to."""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from shoal.contract.errors import ConfigError, ContractError, NoEventsError, NoRunKeyError, TooLargeError
from shoal.contract.gone_objects import gone
from shoal.contract.run_rights import Rights
from shoal.stores.access import Connection, RcloneRemote
from shoal.stores.files_here import FilesHere
from shoal.stores.folder_access import IN_PODS, FolderAccess
from shoal.stores.folder_files import AwayError, FolderFiles
from shoal.stores.folder_listing import look_into, walk
from shoal.stores.images import Fetched, ImageDenied, ImageMissing
from shoal.stores.json_objects import JsonObjects
from shoal.stores.kept_times import file_version
from shoal.stores.listed import FolderLevel, ListedObject
from shoal.stores.listed_file import read_listed
from shoal.stores.pieces import Piece, Span

PAUSES_S = (1.0, 2.0, 4.0)
"""Waits before a file is tried again: a share whose server starts anew comes back, and one that is away is asked seldom."""


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
        self._files = FolderFiles(access.path, bucket)
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
        return self._files.ground

    def stand_on(self, ground: Iterable[str]) -> None:
        """Remember what the folder stands on: an image that is not there while one of these mounts is away is not gone.

        Args:
            ground: What it stood on when it was listed, by names of the machine that lists. A pod has others.
        """
        self._files.stand_on(ground)

    def read(self, key: str, object_version: str, size_bytes: int) -> Fetched:
        """See `ImageSource.read`: version and size are compared before and after, for a file may be written to meanwhile."""
        for pause_s in (*PAUSES_S, None):
            try:
                with self._files.opened(key) as file:
                    data = read_listed(file, key, self.uri(key), object_version, size_bytes)
                    return Fetched(data, version_checked=True)
            except AwayError as err:
                if pause_s is None or err.place in self._waited_for:
                    self._waited_for.add(err.place)
                    raise
            except OSError as err:
                if pause_s is None:
                    raise self._files.failed(key, err) from err
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
        """See `ImageStore.has`: nothing is read."""
        return self._files.has(key)

    def find_bytes(self, key: str, most: int | None = None) -> bytes | None:
        """See `ImageStore.find_bytes`."""
        try:
            with self._files.opened(key) as file:
                data = file.read() if most is None else file.read(most + 1)
        except ImageMissing:
            return None
        except ImageDenied as err:
            raise ConfigError(str(err)) from err
        except OSError as err:
            raise self._files.failed(key, err) from err
        if most is not None and len(data) > most:
            raise ContractError(f"File {self._files.where(key)} is not read: it has more than {most} bytes")
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
            with self._files.opened(key) as file:
                found = os.fstat(file.fileno())
                begin = max(0, found.st_size - size_bytes) if first is None else first
                file.seek(begin)
                data = file.read(size_bytes)
        except ImageMissing as err:
            raise gone(key, self.bucket) from err
        except ImageDenied as err:
            raise ConfigError(str(err)) from err
        except OSError as err:
            raise self._files.failed(key, err) from err
        return Piece(Span(begin, begin + len(data), found.st_size, file_version(found)), data)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ConfigError(f"Folder {self.bucket} holds images and is only read - results go to a bucket")

    stream = find_version = replace_bytes = write_bytes = upload = delete = _refuse
    write_json = replace_json = list_unfinished_uploads = abort_upload = _refuse
