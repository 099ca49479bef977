"""Images in a store that rclone reaches - WebDAV, SFTP, Azure, … -: listed and read as a bucket's are, and never written to."""

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import urllib3

from shoal.contract.errors import (
    AccessDeniedError,
    ConfigError,
    ContractError,
    LoginRefusedError,
    NoEventsError,
    ShoalError,
    StoreError,
    TooLargeError,
    one_line,
    shown,
)
from shoal.contract.gone_objects import gone
from shoal.stores.images import Fetched, ImageChanged, ImageDenied, ImageMissing, refuse_segments
from shoal.stores.json_objects import JsonObjects
from shoal.stores.object_store import Connection, FolderLevel, ListedObject, RcloneRemote
from shoal.stores.pieces import Piece, asked_range, read_span
from shoal.stores.rclone_access import IN_PODS, REMOTE, USER, RcloneAccess
from shoal.stores.rclone_connection import read_connection
from shoal.stores.rclone_errors import explain, last_words
from shoal.stores.rclone_listing import HASHES, Lister, RcloneFailed, changed_ns, is_not_there
from shoal.stores.rclone_program import environment_of, find_rclone, obscure
from shoal.stores.rclone_serving import Door, Served

PAUSES_S = (1.0, 2.0, 4.0)
"""Waits before a file is asked for again: a server that starts anew comes back. rclone itself asks several times before."""

PAGE_ENTRIES = 1000
"""Of a level of a folder."""

_SEGMENTS = frozenset({"", ".", ".."})
_PATIENT = urllib3.Timeout(connect=5, read=120)
_HURRIED = urllib3.Timeout(connect=2, read=8)

_SERVED: dict[str, Served] = {}
_SERVED_LOCK = threading.Lock()
"""What this process serves to itself, by what tells two accesses apart."""


class RcloneStore(JsonObjects):
    """An `ObjectStore` of images alone; whatever would write is refused. Thread-safe.

    Args:
        access: The store.
        bucket: Connection and folder, as `Source.place` writes them: `dcache:photos/2026`.

    Raises:
        ConfigError: It is the bucket of something else than images.
    """

    address = None
    ground: tuple[str, ...] = ()
    hurried = False

    def __init__(self, access: RcloneAccess, bucket: str) -> None:
        self.access = access
        self.bucket = bucket
        _, colon, self._path = bucket.partition(":")
        if not colon:
            raise ConfigError(
                f"Bucket {shown(bucket)!r} is of a connection of kind rclone, which holds images alone: source.kind: rclone, "
                "with source.conn_id and source.remote_path; models and results lie in buckets"
            )
        self._let_in = False
        self._waited = False

    @staticmethod
    def access_from_env(role: str, environ: Mapping[str, str] = os.environ) -> RcloneAccess:
        """See `StoreKind.access_from_env`."""
        return RcloneAccess.from_env(role, environ)

    @staticmethod
    def access_from_connection(connection: Connection) -> RcloneAccess:
        """See `StoreKind.access_from_connection`."""
        return read_connection(connection)

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
        lister = Lister(self._command, self._environment, self._path)
        counts = Counter[str]() if unlisted is None else unlisted
        try:
            hash_name = self._hash_name
            yield from (lister.list_all if whole else lister.walk)(prefix, hash_name, counts)
        except RcloneFailed as err:
            if is_not_there(err) and "/" in prefix and self._is_there(lister):
                return
            raise self._explained(last_words(str(err)), f"Folder {shown(self.bucket)}") from err
        self._let_in = True

    def _is_there(self, lister: Lister) -> bool:
        return next(lister.walk("", "", Counter()), None) is not None

    def list_keys(self, prefix: str) -> list[str]:
        """See `ImageStore.list_keys`."""
        return [found.key for found in self.list_objects(prefix, whole=True)]

    def list_folders(self, prefix: str) -> list[str]:
        """See `ImageStore.list_folders`."""
        names = (key[len(prefix) :].partition("/") for key in self.list_keys(prefix))
        return sorted({name for name, slash, _ in names if slash})

    def look_into(self, folder: str, pages: int, after: str = "") -> FolderLevel:
        """See `ImageStore.look_into`: rclone lists a folder whole, of which so many entries are taken."""
        lister = Lister(self._command, self._environment, self._path)
        try:
            found = lister.level(folder, self._hash_name)
        except RcloneFailed as err:
            if is_not_there(err) and folder and self._is_there(lister):
                return FolderLevel((), (), is_whole=True)
            raise self._explained(last_words(str(err)), f"Folder {shown(self.bucket)}") from err
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

    def uri(self, key: str) -> str:
        """Write a key as people read it."""
        return f"{self.bucket.rstrip('/')}/{key}" if self._path else f"{self.bucket}{key}"

    def has(self, key: str) -> bool:
        """Tell whether there is such a file."""
        try:
            self._ask("HEAD", key)
        except ImageMissing:
            return False
        return True

    def read(self, key: str, object_version: str, size_bytes: int) -> Fetched:
        """See `ImageSource.read`: a hash is taken of the bytes, else size and time are compared before and after."""
        refuse_segments(key, _SEGMENTS, "rename the file, or put the key into source.ignore")
        try:
            answer = self._ask("GET", key)
        except AccessDeniedError as err:
            raise ImageDenied(str(err)) from err
        data = answer.data
        if (hash_name := _hash_of(object_version)) is not None:
            now = hashlib.new(hash_name, data, usedforsecurity=False).hexdigest()
            if now != object_version.rpartition(":")[2]:
                raise ImageChanged(f"{key}: {hash_name} {now}, listed {object_version}")
            return Fetched(data, version_checked=True)
        if len(data) != size_bytes:
            raise ImageChanged(f"{key}: {len(data)} bytes, listed {size_bytes}")
        now = self._version(key)
        if now != object_version:
            raise ImageChanged(f"{key}: {now}, listed {object_version}")
        return Fetched(data, version_checked=True)

    def _version(self, key: str) -> str:
        """Ask for size and time of a file now: an answer's header has no fraction of a second."""
        answer = self._post("operations/stat", {"fs": self._fs, "remote": key, "opt": {"noMimeType": True}}, key)
        if (found := answer.get("item")) is None:
            raise self._missing(key)
        return f"file:{found['Size']}-{changed_ns(found['ModTime'])}"

    def find_bytes(self, key: str, most: int | None = None) -> bytes | None:
        """See `ImageStore.find_bytes`."""
        try:
            data = self._ask("GET", key, most=most).data
        except ImageMissing:
            return None
        return data

    def read_bytes(self, key: str) -> bytes:
        """See `ImageStore.read_bytes`."""
        data = self.find_bytes(key)
        if data is None:
            raise gone(key, self.bucket)
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
        """See `ImageStore.find_piece`: a request with a Range."""
        try:
            answer = self._ask("GET", key, headers={"Range": asked_range(first, size_bytes)})
        except ImageMissing as err:
            raise gone(key, self.bucket) from err
        span = read_span(answer.headers, first, size_bytes, answer.headers.get("Last-Modified", ""))
        return None if span is None else Piece(span, answer.data)

    def duckdb_options(self) -> Mapping[str, str]:
        """Tell DuckDB nothing: no table lies here."""
        return {}

    def explain_answer(self, asked: str, status: int, headers: Mapping[str, str], body: str) -> ShoalError:  # noqa: ARG002
        """Say that something could not be read."""
        return StoreError(f"{shown(asked)} could not be read - it is no bucket's")

    @cached_property
    def _program(self) -> str:
        return find_rclone()

    @property
    def _command(self) -> list[str]:
        trusted = ["--ca-cert", self.access.ca_file] if self.access.ca_file else []
        return [self._program, "--config", os.devnull, *trusted]

    @cached_property
    def _environment(self) -> dict[str, str]:
        password = self.access.password
        return environment_of(self.access.variables(obscure(self._program, password) if password else ""))

    @cached_property
    def _hash_name(self) -> str:
        return Lister(self._command, self._environment, self._path).find_hash()

    @property
    def _fs(self) -> str:
        return f"{REMOTE}:{self._path}"

    def _door(self) -> Door:
        if self.access.served_at:
            return Door(self.access.served_at, self.access.door)
        return self._served.door()

    @cached_property
    def _served(self) -> Served:
        """One for each access: pages open a store for every look."""
        with _SERVED_LOCK:
            said = self.access.door
            if said not in _SERVED:
                _SERVED[said] = Served(self._command, self._environment)
            return _SERVED[said]

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(maxsize=16, timeout=_HURRIED if self.hurried else _PATIENT, retries=False)

    def _ask(
        self, method: str, key: str, *, headers: Mapping[str, str] | None = None, most: int | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Ask rclone for a file, again after a pause where that fails.

        Raises:
            ImageMissing: It is not there.
            AccessDeniedError, LoginRefusedError: The store gives it not to this login.
            ContractError: It has more than `most` bytes.
            StoreError: The store, or rclone, did not answer as it should.
        """
        path = "/".join(quote(part, safe="") for part in key.split("/"))
        return self._patiently(
            key, lambda door: self._send(door, method, f"{quote(f'[{self._fs}]', safe='')}/{path}", headers, most)
        )

    def _post(self, command: str, asked: Mapping[str, Any], key: str) -> dict[str, Any]:
        def send(door: Door) -> urllib3.BaseHTTPResponse:
            return self._pool.request("POST", f"{door.url}/{command}", json=asked, headers=_let_in_by(door))

        answer: dict[str, Any] = self._patiently(key, send).json()
        return answer

    def _send(
        self, door: Door, method: str, path: str, headers: Mapping[str, str] | None, most: int | None
    ) -> urllib3.BaseHTTPResponse:
        asked = {**_let_in_by(door), **(headers or {})}
        answer = self._pool.request(method, f"{door.url}/{path}", headers=asked, preload_content=False)
        try:
            length = answer.headers.get("Content-Length", "")
            if most is not None and answer.status < 300 and length.isdigit() and int(length) > most:
                raise ContractError(f"File {shown(path)} is not read: it has {length} bytes, more than {most}")
            answer.read(cache_content=True)
        finally:
            answer.release_conn()
        return answer

    def _patiently(self, key: str, send: Callable[[Door], urllib3.BaseHTTPResponse]) -> urllib3.BaseHTTPResponse:
        pauses = () if self.hurried or self._waited else PAUSES_S
        for pause_s in (*pauses, None):
            try:
                answer = send(self._door())
            except (urllib3.exceptions.HTTPError, OSError) as err:
                failure: ShoalError = StoreError(
                    f"File {shown(self.uri(key), 200)} broke off ({type(err).__name__}: {one_line(err, 100)}) - see rclone's log"
                )
            else:
                if answer.status < 300:
                    self._let_in, self._waited = True, False
                    return answer
                failure = self._refusal(key, answer)
            if pause_s is None or not isinstance(failure, StoreError):
                self._waited = isinstance(failure, StoreError)  # whoever waited for it once does not for each image
                raise failure
            time.sleep(pause_s)
        raise AssertionError("the last pause is None")

    def _refusal(self, key: str, answer: urllib3.BaseHTTPResponse) -> ShoalError:
        if answer.status == 404:
            raise self._missing(key)
        try:
            said = str(answer.json()["error"])
        except (ValueError, KeyError, TypeError):
            said = f"HTTP {answer.status} of rclone itself"
        return self._explained(one_line(said, 300), f"File {shown(self.uri(key), 200)}")

    def _missing(self, key: str) -> ImageMissing:
        return ImageMissing(
            f"{shown(self.uri(key), 200)} is not there any more - if the store's disk is away, mount it"
        )

    def _explained(self, said: str, what: str) -> ShoalError:
        problem = explain(self.access.clean(said), what, self.access.login)
        if self._let_in and isinstance(problem, LoginRefusedError):
            return StoreError(f"{problem}; it was good until now")
        return problem

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ConfigError(f"{self.bucket} holds images and is only read - results go to a bucket")

    stream = find_version = replace_bytes = write_bytes = upload = delete = _refuse
    write_json = replace_json = list_unfinished_uploads = abort_upload = _refuse


def _hash_of(object_version: str) -> str | None:
    """Name the hash that a version is; None where it is none."""
    name, colon, _ = object_version.partition(":")
    if colon:
        return name if name in HASHES else None
    return "md5"


def _let_in_by(door: Door) -> dict[str, str]:
    return urllib3.make_headers(basic_auth=f"{USER}:{door.password}")
