"""Files of a store that rclone reaches, read one by one through an rclone on loopback, and its refusals told."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import urllib3

from shoal.contract.errors import (
    AccessDeniedError,
    LoginRefusedError,
    ShoalError,
    StoreError,
    TooLargeError,
    one_line,
    shown,
)
from shoal.contract.gone_objects import gone
from shoal.stores.images import Fetched, ImageChanged, ImageDenied, ImageMissing, refuse_segments
from shoal.stores.pieces import Piece, asked_range, read_span
from shoal.stores.rclone_access import REMOTE, USER, RcloneAccess
from shoal.stores.rclone_errors import explain
from shoal.stores.rclone_listing import HASHES, changed_ns
from shoal.stores.rclone_log import SAID
from shoal.stores.rclone_program import Rclone, rclone_for
from shoal.stores.rclone_serving import Door, serve

PAUSES_S = (1.0, 2.0, 4.0)
"""Waits before a file is asked for again: a server that starts anew comes back. rclone itself asks several times before."""

REFUSAL_BYTES = 1 << 16
"""Of what is said in place of a file."""

_SEGMENTS = frozenset({"", ".", ".."})
_PATIENT = urllib3.Timeout(connect=5, read=120)
_HURRIED = urllib3.Timeout(connect=2, read=8)


class Answer(NamedTuple):
    """What rclone answered."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class RcloneReader:
    """One folder of one store, of which files are read by their keys; thread-safe.

    Args:
        access: The store.
        bucket: Connection and folder: `dcache:photos/2026`.
    """

    hurried = False
    most_reads = 8
    """Each is a connection of its own to a server that may refuse more: SFTP's and FTP's do."""

    def __init__(self, access: RcloneAccess, bucket: str) -> None:
        self.access = access
        self.bucket = bucket
        self._path = bucket.partition(":")[2]
        self._let_in = False
        self._waited = False

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
            answer = self._ask("GET", key, most=size_bytes)
        except AccessDeniedError as err:
            raise ImageDenied(str(err)) from err
        except TooLargeError as err:
            raise ImageChanged(f"{key}: more than the {size_bytes} bytes listed") from err
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

    def download(self, key: str, path: Path, most: int | None = None) -> None:
        """See `ImageStore.download`."""
        data = self.find_bytes(key, most)
        if data is None:
            raise gone(key, self.bucket)
        path.write_bytes(data)

    def find_piece(self, key: str, first: int | None, size_bytes: int) -> Piece | None:
        """See `ImageStore.find_piece`: a request with a Range."""
        try:
            answer = self._ask("GET", key, headers={"Range": asked_range(first, size_bytes)}, most=size_bytes)
        except ImageMissing as err:
            raise gone(key, self.bucket) from err
        except TooLargeError:
            return None
        span = read_span(answer.headers, first, size_bytes, answer.headers.get("Last-Modified", ""))
        return None if span is None else Piece(span, answer.data)

    @cached_property
    def _rclone(self) -> Rclone:
        return rclone_for(self.access)

    @property
    def _fs(self) -> str:
        return f"{REMOTE}:{self._path}"

    def _door(self) -> Door:
        if self.access.served_at:
            return Door(self.access.served_at, self.access.door)
        return serve(self.access, lambda: self._rclone).door()

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(maxsize=16, timeout=_HURRIED if self.hurried else _PATIENT, retries=False)

    def _ask(
        self, method: str, key: str, *, headers: Mapping[str, str] | None = None, most: int | None = None
    ) -> Answer:
        """Ask rclone for a file, again after a pause where that fails.

        Raises:
            ImageMissing: It is not there.
            AccessDeniedError, LoginRefusedError: The store gives it not to this login.
            TooLargeError: It has more than `most` bytes.
            StoreError: The store, or rclone, did not answer as it should.
        """
        path = "/".join(quote(part, safe="") for part in key.split("/"))
        return self._patiently(
            key, lambda door: self._send(door, method, f"{quote(f'[{self._fs}]', safe='')}/{path}", headers, most)
        )

    def _post(self, command: str, asked: Mapping[str, Any], key: str) -> dict[str, Any]:
        def send(door: Door) -> Answer:
            answer = self._pool.request("POST", f"{door.url}/{command}", json=asked, headers=_let_in_by(door))
            return Answer(answer.status, answer.headers, answer.data)

        answer: dict[str, Any] = json.loads(self._patiently(key, send).data)
        return answer

    def _send(self, door: Door, method: str, path: str, headers: Mapping[str, str] | None, most: int | None) -> Answer:
        asked = {**_let_in_by(door), **(headers or {})}
        answer = self._pool.request(method, f"{door.url}/{path}", headers=asked, preload_content=False)
        try:
            data = _read_at_most(answer, most if answer.status < 300 else REFUSAL_BYTES)
        finally:
            answer.release_conn()
        if data is None and answer.status < 300:
            raise TooLargeError(f"File {shown(unquote(path))} is not read: it has more than {most} bytes")
        return Answer(answer.status, answer.headers, data or b"")

    def _patiently(self, key: str, send: Callable[[Door], Answer]) -> Answer:
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

    def _refusal(self, key: str, answer: Answer) -> ShoalError:
        if answer.status == 404:
            raise self._missing(key)
        try:
            said = str(json.loads(answer.data)["error"])
        except (ValueError, KeyError, TypeError):
            said = f"HTTP {answer.status} of rclone itself"
        return self._explained(said, f"File {shown(self.uri(key), 200)}")

    def _missing(self, key: str) -> ImageMissing:
        return ImageMissing(
            f"{shown(self.uri(key), 200)} is not there any more - if the store's disk is away, mount it"
        )

    def _explained(self, said: str, what: str) -> ShoalError:
        problem = explain(one_line(self.access.clean(said), SAID), what, self.access.login)
        if self._let_in and isinstance(problem, LoginRefusedError):
            return StoreError(f"{problem}; it was good until now")
        return problem


def _read_at_most(answer: urllib3.BaseHTTPResponse, most: int | None) -> bytes | None:
    """Read all that comes; None where that is more than so many bytes, of which no more are fetched then."""
    if most is None:
        return answer.read()
    told = answer.headers.get("Content-Length", "")
    if not told.isdigit() or int(told) <= most:
        data = answer.read(most + 1)
        if len(data) <= most:
            return data
    answer.close()
    return None


def _hash_of(object_version: str) -> str | None:
    """Name the hash that a version is; None where it is none."""
    name, colon, _ = object_version.partition(":")
    if colon:
        return name if name in HASHES else None
    return "md5"


def _let_in_by(door: Door) -> dict[str, str]:
    return urllib3.make_headers(basic_auth=f"{USER}:{door.password}")
