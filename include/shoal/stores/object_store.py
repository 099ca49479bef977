"""What every object store promises, and the table of the kinds there are; a kind is loaded when it is asked for."""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple, Protocol, cast

from shoal.contract.errors import ConfigError, ShoalError
from shoal.contract.run_rights import Rights
from shoal.stores.images import ImageSource
from shoal.stores.json_objects import JsonObjects
from shoal.stores.pieces import Piece

KINDS = {
    "s3": "shoal.stores.s3:S3Store",
    "folder": "shoal.stores.image_folder:ImageFolder",
    "rclone": "shoal.stores.rclone:RcloneStore",
}
"""The kinds of store, and the class of each: a `StoreKind`."""

DEFAULT_KIND = "s3"
"""The kind of a connection, or of a worker's environment, that names none."""


class ListedObject(NamedTuple):
    """One object as a listing shows it: a tuple, for there are millions, and it takes a third of the time to make.

    Attributes:
        key: Its key.
        object_version: Differs whenever the bytes do: an ETag, or what else the store has. Rows call it so too.
        size_bytes: Its size.
        last_modified: UTC.
        storage_class: The store's word for where the bytes lie; None where it says none.
    """

    key: str
    object_version: str
    size_bytes: int
    last_modified: datetime
    storage_class: str | None = None


@dataclass(frozen=True)
class FolderLevel:
    """One level of a bucket.

    Attributes:
        folders: Prefixes that end with a slash, one level below.
        objects: What lies beside them.
        is_whole: Whether that is all of the level, from a key on where one was named.
        has_folders_before: Whether folders before that key are among them.
    """

    folders: tuple[str, ...]
    objects: Sequence[ListedObject]
    is_whole: bool
    has_folders_before: bool = True


@dataclass(frozen=True)
class UnfinishedUpload:
    """An upload in parts that was begun and not finished; no reader sees any of it."""

    key: str
    upload_id: str
    started_at: datetime


@dataclass(frozen=True)
class Connection:
    """What a person wrote down of a store; which parts are needed is the kind's to say."""

    conn_id: str
    host: str
    port: int | None
    login: str
    password: str = field(repr=False)
    extra: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class RcloneRemote:
    """How rclone reaches a bucket, for a sidecar that mounts it.

    Attributes:
        path: The bucket, as rclone names it: `:s3:fish`.
        environment: rclone's variable, and the one of `Access.to_env` that has its value.
        options: Further words of the command line.
        address_variable: The variable that tells people where the store is.
        ca_variable: The variable with the path of a private certificate authority; empty where there is none.
        login: What a shell does first, with these variables; empty where rclone needs no more.
    """

    path: str
    environment: Mapping[str, str]
    options: Mapping[str, str]
    address_variable: str
    ca_variable: str
    login: str = ""


class Access(Protocol):
    """One store and the right to use it."""

    @property
    def kind(self) -> str:
        """Its line in `KINDS`."""

    @property
    def ca_file(self) -> str:
        """PEM file of a private certificate authority; empty means the public ones."""

    @property
    def login(self) -> str:
        """The kind of login in words, without anything secret."""

    @property
    def ends_at(self) -> str:
        """When the login ends and cannot be renewed, RFC 3339 in UTC; empty where it does not or nobody says."""

    @property
    def run_keys_required(self) -> bool:
        """Whether pods of a run get a key of its own or nothing."""

    def to_env(self, role: str, ca_file: str = "") -> dict[str, str]:
        """Write the access as environment variables `SHOAL_<ROLE>_…`; roles are source, models, results.

        Args:
            role: What the store is used for.
            ca_file: Where the reader finds the certificate authority, when not where this process does.
        """


class ImageStore(ImageSource, Protocol):
    """One bucket to list and read from: what images and models need. Thread-safe, not fork-safe."""

    bucket: str
    hurried: bool
    """Whether a request that is not answered in seconds is given up: for pages, which people wait for. To be set at the start."""

    @property
    def access(self) -> Access:
        """The store and the right to use it."""

    @property
    def located(self) -> Access:
        """`access`, and what nobody wrote down and the store tells: for those who are given it and cannot ask.

        Raises:
            StoreError: The store does not answer.
        """

    @property
    def address(self) -> str | None:
        """Where the store is, whatever connection leads to it; None where that is not known."""

    @property
    def ground(self) -> tuple[str, ...]:
        """What a folder stands on, which may be away: the mount points of its disks or shares. Empty for a bucket."""

    def list_objects(
        self, prefix: str = "", *, whole: bool = False, unlisted: Counter[str] | None = None
    ) -> Iterator[ListedObject]:
        """Stream every object below `prefix` in the store's order, which is that of keys with hardly an exception.

        Folders are left out.

        Args:
            prefix: What keys begin with.
            whole: Whether all of them will be read: long listings then go by folders, several at a time, in the order of keys.
            unlisted: Counts what lies there and can be no object, by why; in a bucket all are.

        Raises:
            ConfigError: No such bucket, or access denied.
            StoreError: The store does not answer.
        """

    def has(self, key: str) -> bool:
        """Tell whether there is such an object."""

    def list_keys(self, prefix: str) -> list[str]:
        """List the keys below `prefix`, sorted."""

    def list_folders(self, prefix: str) -> list[str]:
        """List the names one level below `prefix` that hold objects, sorted."""

    def look_into(self, folder: str, pages: int, after: str = "") -> FolderLevel:
        """List one level, as many pages of it.

        Args:
            folder: A prefix that ends with a slash, or is empty.
            pages: Of a thousand entries each.
            after: A key: objects are listed that follow it.

        Raises:
            ConfigError: No such bucket, or access denied.
            StoreError: The store does not answer.
        """

    def listen(self, prefix: str) -> Iterator[str | None]:
        """Wait for what comes, is written anew or goes below a prefix, and tell its keys; without an end.

        The first one is None: from then on the store tells. None comes at least once a minute.

        Raises:
            NoEventsError: The store tells nobody.
            ConfigError: No such bucket.
            StoreError: It does not answer, or does not any more.
        """

    def find_bytes(self, key: str, most: int | None = None) -> bytes | None:
        """Read a whole object as it is stored, None when there is none.

        Args:
            key: Its key.
            most: Bytes that it may have; None for any number.

        Raises:
            ContractError: It has more.
        """

    def read_bytes(self, key: str) -> bytes:
        """Read a whole object.

        Raises:
            ContractError: There is no such object.
        """

    def download(self, key: str, path: Path, most: int | None = None) -> None:
        """Read an object into a file.

        Args:
            key: Its key.
            path: The file.
            most: Bytes that it may have; None for any number.

        Raises:
            TooLargeError: It has more; what is announced as more is not begun.
            ContractError: There is no such object.
        """

    def find_piece(self, key: str, first: int | None, size_bytes: int) -> Piece | None:
        """Read a part of an object; None where the store gives whole objects only, or this one where fewer bytes are there.

        Args:
            key: Its key.
            first: Offset of the first byte; None for the object's last ones.
            size_bytes: How many, fewer where the object ends before.

        Raises:
            ContractError: There is no such object.
            StoreError: The store did not answer as it should.
        """

    def read_clock(self) -> datetime:
        """Read the store's own time, UTC: what `last_modified` is told in."""

    def uri(self, key: str) -> str:
        """Write a key as people and DuckDB read it."""


class ObjectStore(ImageStore, JsonObjects, Protocol):
    """One bucket to write to, too: what results need. DuckDB reads the Parquet objects in it by their `uri`.

    Attributes:
        most_reads: How many reads at once one worker may ask of such a store, where that helps: other workers ask as well.
    """

    most_reads: int

    def stream(self, key: str) -> tuple[int, Generator[bytes, None, None]]:
        """Open an object to be passed on piece by piece; return its size in bytes and the pieces.

        Whoever takes none of them closes them, and with them the connection.

        Raises:
            ContractError: There is no such object.
        """

    def write_bytes(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write a whole object: readers see the old one or the new one.

        Raises:
            ConfigError: No such bucket, or no right to write to it.
            StoreError: The store did not take it.
        """

    def find_version(self, key: str) -> str | None:
        """Name the version of an object as `replace_bytes` takes it; None when there is none."""

    def replace_bytes(self, key: str, data: bytes, version: str | None, content_type: str) -> bool:
        """Write a whole object in place of one version of it, raising as `write_bytes` does.

        Args:
            key: Its key.
            data: What it is to hold.
            version: What `find_version` said: another one stays as it is. A store that cannot tell replaces that, too.
            content_type: Of the object.

        Returns:
            Whether it was written.
        """

    def upload(self, path: Path, key: str, content_type: str = "application/vnd.apache.parquet") -> None:
        """Write a file as an object; raises as `write_bytes` does."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; one that is gone already is no error."""

    def list_unfinished_uploads(self, prefix: str) -> list[UnfinishedUpload]:
        """List uploads in parts below `prefix` that were begun and never finished."""

    def abort_upload(self, upload: UnfinishedUpload) -> None:
        """Give up an upload in parts; one that is gone already is no error."""

    def duckdb_options(self) -> Mapping[str, str]:
        """Tell what DuckDB has to be told now so that it can read `uri`s; asked anew before each statement.

        Raises:
            ConfigError: There is no key to be had.
            StoreError: Whoever gives keys does not answer.
        """

    def explain_answer(self, asked: str, status: int, headers: Mapping[str, str], body: str) -> ShoalError:
        """Name what the store answered to somebody else than this object, in the same words.

        Args:
            asked: URL that was asked for, a `uri` or what it stands for; empty where it is not known.
            status: HTTP status; 0 is no answer.
            headers: Of the answer.
            body: Of the answer, or why there was none.
        """


class StoreKind(Protocol):
    """The class of a kind: opens buckets, and knows how such a store is told of."""

    def __call__(self, access: Any, bucket: str) -> ObjectStore:
        """Open a bucket; nothing is sent yet."""

    def access_from_connection(self, connection: Connection) -> Access:
        """Read a connection.

        Raises:
            ConfigError: A part of it is missing.
        """

    def access_from_env(self, role: str, environ: Mapping[str, str]) -> Access:
        """Read what `Access.to_env` wrote.

        Raises:
            ConfigError: A variable is missing.
        """

    def limit_access(self, access: Any, bucket: str, rights: Rights, least: timedelta, wanted: timedelta) -> Access:
        """See `limit_access`."""

    def rclone_remote(self, role: str, bucket: str) -> RcloneRemote | None:
        """Tell how rclone reaches a bucket; None where it cannot, and images are read directly only."""


def load_kind(kind: str) -> StoreKind:
    """Load a kind of store.

    Raises:
        ConfigError: There is no such kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"No kind of object store {kind!r} - there are {', '.join(sorted(KINDS))}")
    return cast("StoreKind", resolve_name(KINDS[kind]))


def open_store(access: Access, bucket: str) -> ObjectStore:
    """Open a bucket; nothing is sent yet."""
    return load_kind(access.kind)(access, bucket)


def access_from_connection(connection: Connection) -> Access:
    """Read a connection of any kind; its extra `kind` names the kind.

    Raises:
        ConfigError: No such kind, or a part of the connection is missing.
    """
    return load_kind(connection.extra.get("kind", DEFAULT_KIND)).access_from_connection(connection)


def limit_access(access: Access, bucket: str, rights: Rights, least: timedelta, wanted: timedelta) -> Access:
    """Get an access that may do so much in one bucket and no more, and that ends.

    Args:
        access: Whose rights it has a part of.
        bucket: Name of the bucket.
        rights: What it may do.
        least: How long it has to last.
        wanted: How long it is better to last.

    Raises:
        NoRunKeyError: There is none to be had; the message says why.
        ShoalError: Whoever gives keys refuses, or does not answer.
    """
    return load_kind(access.kind).limit_access(access, bucket, rights, least, wanted)


def write_env(access: Access, role: str, ca_file: str = "") -> dict[str, str]:
    """Write what `open_from_env` reads, the kind of the store included.

    Args:
        access: How the store is reached.
        role: source, models or results.
        ca_file: See `Access.to_env`.
    """
    kind = {} if access.kind == DEFAULT_KIND else {_kind_variable(role): access.kind}
    return {**access.to_env(role, ca_file), **kind}


def open_from_env(role: str, bucket: str, environ: Mapping[str, str] = os.environ) -> ObjectStore:
    """Open a bucket with the access that the environment holds for a role; nothing is sent yet.

    Raises:
        ConfigError: No such kind, or a variable is missing.
    """
    kind = load_kind(environ.get(_kind_variable(role)) or DEFAULT_KIND)
    return kind(kind.access_from_env(role, environ), bucket)


ReadAccess = Callable[[str], Access]
"""Looks a connection id up."""


def _kind_variable(role: str) -> str:
    return f"SHOAL_{role.upper()}_KIND"
