"""Images in a store that rclone reaches - WebDAV, SFTP, Azure, … -: listed and read as a bucket's are, and never written to."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NoReturn

from shoal.contract.errors import ConfigError, NoEventsError, NoRunKeyError, ShoalError, StoreError, shown
from shoal.contract.run_rights import Rights
from shoal.stores.access import Connection, RcloneRemote
from shoal.stores.json_objects import JsonObjects
from shoal.stores.listed import FolderLevel, ListedObject
from shoal.stores.rclone_access import IN_PODS, RcloneAccess
from shoal.stores.rclone_connection import read_connection
from shoal.stores.rclone_listing import Lister
from shoal.stores.rclone_log import ListedInPart, RcloneFailed
from shoal.stores.rclone_reading import RcloneReader

PAGE_ENTRIES = 1000
"""Of a level of a folder."""


class RcloneStore(RcloneReader, JsonObjects):
    """An `ObjectStore` of images alone; whatever would write is refused. Thread-safe.

    Args:
        access: The store.
        bucket: Connection and folder, as `Source.place` writes them: `dcache:photos/2026`.

    Raises:
        ConfigError: It is the bucket of something else than images.
    """

    address = None
    ground: tuple[str, ...] = ()

    def __init__(self, access: RcloneAccess, bucket: str) -> None:
        if ":" not in bucket:
            raise ConfigError(
                f"Bucket {shown(bucket)!r} is of a connection of kind rclone, which holds images alone: source.kind: rclone, "
                "with source.conn_id and source.remote_path; models and results lie in buckets"
            )
        super().__init__(access, bucket)

    @staticmethod
    def access_from_env(role: str, environ: Mapping[str, str] = os.environ) -> RcloneAccess:
        """See `StoreKind.access_from_env`."""
        return RcloneAccess.from_env(role, environ)

    @staticmethod
    def access_from_connection(connection: Connection) -> RcloneAccess:
        """See `StoreKind.access_from_connection`."""
        return read_connection(connection)

    @staticmethod
    def limit_access(access: Any, bucket: str, rights: Rights, least: timedelta, wanted: timedelta) -> NoReturn:  # noqa: ARG004
        """See `StoreKind.limit_access`."""
        raise NoRunKeyError("what a section of rclone's settings may do, a pod may")

    @staticmethod
    def rclone_remote(role: str, bucket: str) -> RcloneRemote | None:  # noqa: ARG004 - as every kind is asked
        """See `StoreKind.rclone_remote`: nothing is mounted, rclone serves single files."""
        return None

    @property
    def located(self) -> RcloneAccess:
        """See `ImageStore.located`: pods have rclone beside the worker."""
        return replace(self.access, served_at=IN_PODS)

    def list_objects(
        self, prefix: str = "", *, whole: bool = False, unlisted: Counter[str] | None = None
    ) -> Iterator[ListedObject]:
        """See `ImageStore.list_objects`."""
        lister = Lister(self._rclone, self._path)
        counts = Counter[str]() if unlisted is None else unlisted
        try:
            hash_name = self._hash_name
            yield from (lister.list_all if whole else lister.walk)(prefix, hash_name, counts)
        except RcloneFailed as err:
            raise self._not_listed(err) from None
        self._let_in = True

    def _not_listed(self, err: RcloneFailed) -> ShoalError:
        what = f"Folder {shown(self.bucket)}"
        if isinstance(err, ListedInPart):
            return StoreError(
                f"{what} was listed in part only, again and again: something below was not there any more when it was looked "
                f"into ({err}) - list when nobody removes or renames folders, or see the store's log"
            )
        if err.code == 0:
            return StoreError(f"{what} cannot be listed as a whole (rclone: {err}) - see the store's log")
        return self._explained(str(err), what)

    def list_keys(self, prefix: str) -> list[str]:
        """See `ImageStore.list_keys`."""
        return [found.key for found in self.list_objects(prefix, whole=True)]

    def list_folders(self, prefix: str) -> list[str]:
        """See `ImageStore.list_folders`."""
        names = (key[len(prefix) :].partition("/") for key in self.list_keys(prefix))
        return sorted({name for name, slash, _ in names if slash})

    def look_into(self, folder: str, pages: int, after: str = "") -> FolderLevel:
        """See `ImageStore.look_into`: rclone lists a folder whole, of which so many entries are taken."""
        lister = Lister(self._rclone, self._path)
        try:
            found = lister.level(folder, self._hash_name)
        except RcloneFailed as err:
            raise self._not_listed(err) from None
        later = [one for one in found if one.key > after]
        some = later[: pages * PAGE_ENTRIES]
        return FolderLevel(
            tuple(one.key for one in found if one.key.endswith("/")),
            [one for one in some if not one.key.endswith("/")],
            is_whole=len(some) == len(later),
        )

    def listen(self, prefix: str) -> NoReturn:  # noqa: ARG002 - as every kind is asked
        """See `ImageStore.listen`."""
        raise NoEventsError(f"Store {shown(self.bucket)} is reached by rclone, which tells nobody what comes")

    def read_clock(self) -> datetime:
        """Say that nobody tells the store's time."""
        raise StoreError("rclone does not tell what time it is in a store")

    def duckdb_options(self) -> Mapping[str, str]:
        """Tell DuckDB nothing: no table lies here."""
        return {}

    def explain_answer(self, asked: str, status: int, headers: Mapping[str, str], body: str) -> ShoalError:  # noqa: ARG002
        """Say that something could not be read."""
        return StoreError(f"{shown(asked)} could not be read - it is no bucket's")

    @cached_property
    def _hash_name(self) -> str:
        return Lister(self._rclone, self._path).find_hash()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ConfigError(f"{self.bucket} holds images and is only read - results go to a bucket")

    stream = find_version = replace_bytes = write_bytes = upload = delete = _refuse
    write_json = replace_json = list_unfinished_uploads = abort_upload = _refuse
