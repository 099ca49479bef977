"""What every object store promises: a bucket to list and read from, and one to write to, too."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from shoal.contract.errors import ShoalError
from shoal.stores.access import Access
from shoal.stores.images import ImageSource
from shoal.stores.json_objects import JsonObjects
from shoal.stores.listed import FolderLevel, ListedObject, UnfinishedUpload
from shoal.stores.pieces import Piece


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
