"""The reading half of an S3 bucket: lists it and reads whole objects, an image as the one that was listed."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from minio import Minio
from minio.error import S3Error

from shoal.contract.errors import AccessDeniedError, ConfigError, ContractError, ShoalError, StoreError, TooLargeError
from shoal.contract.gone_objects import gone
from shoal.contract.json_bounds import too_large
from shoal.stores.images import Fetched, ImageArchived, ImageDenied, ImageGone, refuse_segments
from shoal.stores.listing_ahead import list_ahead
from shoal.stores.object_store import FolderLevel, ListedObject
from shoal.stores.pieces import Piece, asked_range, read_span
from shoal.stores.s3_access import TRANSPORT_ERRORS, StoreAccess, is_amazon
from shoal.stores.s3_codes import About, meaning_of
from shoal.stores.s3_errors import error_code
from shoal.stores.s3_events import tell_keys
from shoal.stores.s3_explain import explain
from shoal.stores.s3_listing import ListingPage, parse_page
from shoal.stores.s3_login import LET_IN, told_as_ended
from shoal.stores.s3_patience import Others
from shoal.stores.s3_region import locate
from shoal.stores.s3_versions import length_of, need_same, unquoted

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

T = TypeVar("T")

BODY_PAUSES_S = (0.5, 1.0, 2.0)
"""The client itself repeats failed requests, but not a body that breaks off: that is asked for again after these."""

IMAGES_AT_ONCE = 64
"""Connections that are kept open for images: as many as a worker reads at once, else each further one is opened anew."""

PAGE_KEYS = 1000
"""Keys of a page of a listing: what stores give at most."""

PIECE_BYTES = 256 * 1024
"""What of a streamed object is in memory."""

_NO_RANGE = {"InvalidRange", "NotImplemented"}
"""Codes for an object that has fewer bytes, and of stores that give no part of one."""


class S3Reader:
    """One bucket of one store and the right to read it; thread-safe.

    Args:
        access: The store and the right to use it.
        bucket: Name of the bucket.
    """

    hurried = False
    most_reads = 32
    ground: tuple[str, ...] = ()

    def __init__(self, access: StoreAccess, bucket: str) -> None:
        self.access = access
        self.bucket = bucket
        self._keys = access.provider()
        self._others = Others()

    @cached_property
    def located(self) -> StoreAccess:
        """See `ImageStore.located`: the region is asked for once, where nobody wrote it down."""
        try:
            return locate(self.access, self.bucket, self._keys, hurried=self.hurried)
        except TRANSPORT_ERRORS as err:
            raise explain(err, self.access, self._target) from err

    @cached_property
    def _client(self) -> Minio:
        return self.located.connect(provider=self._keys, hurried=self.hurried)

    @cached_property
    def _images_client(self) -> Minio:
        """The client for images: there are many, and one that the store does not give keeps no others waiting."""
        return self.located.connect(IMAGES_AT_ONCE, self._keys, self._others, hurried=self.hurried)

    @property
    def address(self) -> str | None:
        """The endpoint, the same whatever connection leads to it."""
        return self.access.endpoint_url

    def list_objects(
        self,
        prefix: str = "",
        *,
        whole: bool = False,
        unlisted: Counter[str] | None = None,  # noqa: ARG002 - all that lies in a bucket is an object
    ) -> Iterator[ListedObject]:
        """See `ImageStore.list_objects`: long ones are read ahead."""
        for page in list_ahead(self._list_pages, prefix, whole=whole):
            yield from page.objects

    def _list_pages(self, prefix: str, delimiter: str = "", after: str = "") -> Iterator[ListingPage]:
        token: str | None = ""
        given: set[str] = set()
        while token is not None:
            page = self._list_page(prefix, token, delimiter, after)
            yield page
            token = page.next_token
            if token is not None and token in given:
                # A server or a cache before it that gives a page again would be listed for ever, and counted twice.
                raise StoreError(
                    f"The listing of {self._target} at {self.access.endpoint_url} does not end: after {len(given) + 1} pages "
                    "the store gave a continuation token for the second time - see the store's log, or reach it past the "
                    "cache before it"
                )
            given.add(token or "")

    def list_keys(self, prefix: str) -> list[str]:
        """List the keys below `prefix`, sorted."""
        return sorted(found.key for found in self.list_objects(prefix))

    def list_folders(self, prefix: str) -> list[str]:
        """List the names one level below `prefix` that hold objects, sorted."""
        found = (folder for page in self._list_pages(prefix, "/") for folder in page.folders)
        return sorted({folder[len(prefix) :].rstrip("/") for folder in found})

    def look_into(self, folder: str, pages: int, after: str = "") -> FolderLevel:
        """See `ImageStore.look_into`: a listing that is cut at each slash."""
        folders: list[str] = []
        objects: list[ListedObject] = []
        is_whole = False
        for page in islice(self._list_pages(folder, "/", after), pages):
            folders += page.folders
            objects += [found for found in page.objects if found.key > after]  # some stores begin anew
            is_whole = page.next_token is None
        return FolderLevel(tuple(folders), objects, is_whole, has_folders_before=not after)

    def listen(self, prefix: str) -> Iterator[str | None]:
        """See `ImageStore.listen`: MinIO tells whoever asks, as long as they listen."""
        client = self.located.connect(
            1, self._keys, hurried=True
        )  # a store that tells says each second that it is there
        try:
            yield from tell_keys(client, self.bucket, prefix, self.access.endpoint_url)
        except TRANSPORT_ERRORS as err:
            raise self._explain(err) from err

    def read_clock(self) -> datetime:
        """Read the store's own time, UTC: what `last_modified` is told in."""
        try:
            # Private, as in _list_page.
            response = self._client._execute("GET", self.bucket, query_params={"list-type": "2", "max-keys": "1"})  # noqa: SLF001
            return _date_of(response)
        except S3Error as err:  # a key that may list below a prefix only is refused, and told the time all the same
            if err.response is None or "Date" not in err.response.headers:
                raise self._explain(err) from err
            return _date_of(err.response)
        except TRANSPORT_ERRORS as err:
            raise self._explain(err) from err
        except ShoalError:  # no key, of which whoever gives them has told; it may be a ValueError
            raise
        except (KeyError, ValueError, OverflowError) as err:
            raise StoreError(
                f"{self.access.endpoint_url} does not say what time it is (no Date in its answers)"
            ) from err

    def read(self, key: str, object_version: str, size_bytes: int) -> Fetched:
        """See `ImageSource.read`; the version is the ETag, or the time of an object that was listed without one.

        ETag and size are compared with those of the response that carries the bytes; If-Match would leave it to
        the server, and some (`rclone serve s3`) ignore it.
        """
        refuse_segments(key, frozenset({".", ".."}), "rename the object, or put the key into source.ignore")
        checked, before = False, replace(self._others, refused=self._others.refused + 1)  # itself, if it is

        def take(response: "BaseHTTPResponse") -> bytes:
            nonlocal checked
            checked = need_same(key, response.headers, object_version, size_bytes)
            return response.read(decode_content=False)

        try:
            data = self._take(key, take, self._target, self._images_client)
        except AccessDeniedError as err:
            # Of one image: it has no row. Of all of them: many in a row end the shard.
            raise ImageDenied(str(err)) from err
        except StoreError as err:
            code = None if err.__cause__ is None else error_code(err.__cause__)
            meaning = meaning_of(code)
            if meaning is not None and meaning.about is About.ARCHIVED:
                raise ImageArchived(f"It lies in an archive ({code}) - {meaning.way_out}") from err
            if meaning is not None and meaning.is_waited_for and self._others.are_given_since(before):
                raise StoreError(
                    f"{self.access.endpoint_url} does not give {self._object(key)} ({code}), and gave "
                    f"{self._others.given - before.given} others meanwhile - see the store's log"
                ) from err
            raise
        if data is None:
            raise ImageGone(key)
        if len(data) != size_bytes:
            # No length was announced, else it would have been compared: a body that broke off looks the same.
            raise StoreError(f"{key!r}: {len(data)} bytes came, {size_bytes} are listed - see the store's log")
        return Fetched(data, version_checked=checked)

    def find_bytes(self, key: str, most: int | None = None) -> bytes | None:
        """Read a whole object as it is stored (a Content-Encoding is not undone), None when there is none.

        Raises:
            ContractError: It has more than `most` bytes, which are not read.
            ConfigError: No such bucket, or no right to read it.
            StoreError: The store did not answer as it should.
        """
        if most is None:
            return self._take(key, lambda response: response.read(decode_content=False), self._object(key))
        try:
            return self._take(key, partial(_read_at_most, most), self._object(key))
        except TooLargeError as err:
            raise ContractError(f"Object {key!r} of bucket {self.bucket!r} is not read: {err} - restore it") from err

    def download(self, key: str, path: Path, most: int | None = None) -> None:
        """See `ImageStore.download`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            taken = self._take(key, partial(_save, path, most), self._object(key))
        except TooLargeError as err:
            raise TooLargeError(f"Object {key!r} of bucket {self.bucket!r} is not read: {err}") from err
        if taken is None:
            raise gone(key, self.bucket)

    def find_piece(self, key: str, first: int | None, size_bytes: int) -> Piece | None:
        """See `ImageStore.find_piece`: a request with a Range."""
        asked, target = asked_range(first, size_bytes), self._object(key)

        def take(response: "BaseHTTPResponse") -> tuple[Piece | None]:
            if "Content-Range" not in response.headers:  # some stores tell it with the status of a whole object
                return (None,)
            span = read_span(response.headers, first, size_bytes, unquoted(response.headers.get("ETag", "")))
            data = b"" if span is None else _read_at_most(span.end - span.first, response)
            if span is None or len(data) != span.end - span.first:
                told = f"{len(data)} bytes as {response.headers['Content-Range']!r}"
                raise StoreError(
                    f"{self.access.endpoint_url} gave {told} of {target} for {asked!r} - see the store's log"
                )
            return (Piece(span, data),)

        try:
            taken = self._take(key, take, target, headers={"Range": asked})
        except StoreError as err:
            if err.__cause__ is not None and error_code(err.__cause__) in _NO_RANGE:
                return None
            raise
        if taken is None:
            raise gone(key, self.bucket)
        return taken[0]

    def stream(self, key: str) -> tuple[int, Generator[bytes, None, None]]:
        """Open an object to be passed on piece by piece; return its size in bytes and the pieces.

        Whoever takes none of them closes them, and with them the connection.

        Raises:
            ContractError: There is no such object.
        """
        response = self._open(key, self._object(key))
        if response is None:
            raise gone(key, self.bucket)
        length = length_of(response.headers)
        if length is None:
            response.close()
            raise StoreError(
                f"{self.access.endpoint_url} does not say how long {self._object(key)} is - see the store's log"
            )
        return length, self._pieces(response, self._object(key))

    def uri(self, key: str) -> str:
        """Write a key as people and DuckDB read it."""
        return f"s3://{self.bucket}/{key}"

    @property
    def _target(self) -> str:
        return f"bucket {self.bucket!r}"

    def _object(self, key: str) -> str:
        return f"object {key!r} of bucket {self.bucket!r}"

    def _take(
        self,
        key: str,
        take: "Callable[[BaseHTTPResponse], T]",
        target: str,
        client: Minio | None = None,
        headers: dict[str, str | list[str] | tuple[str]] | None = None,
    ) -> T | None:
        """Ask for an object and take its body, again after a pause where that breaks off; None when there is none."""
        for pause_s in (*BODY_PAUSES_S, None):
            response = self._open(key, target, client, headers)
            if response is None:
                return None
            try:
                return take(response)
            except TRANSPORT_ERRORS as err:
                if pause_s is None:
                    raise self._explain(err, target) from err
                time.sleep(pause_s)
            finally:
                response.close()
                response.release_conn()
        raise AssertionError("the last pause is None")

    def _pieces(self, response: "BaseHTTPResponse", target: str) -> Generator[bytes, None, None]:
        try:
            yield from response.stream(PIECE_BYTES, decode_content=False)  # as long as was announced
        except TRANSPORT_ERRORS as err:
            raise self._explain(err, target) from err
        finally:
            response.close()
            response.release_conn()

    def _open(
        self,
        key: str,
        target: str,
        client: Minio | None = None,
        headers: dict[str, str | list[str] | tuple[str]] | None = None,
    ) -> "BaseHTTPResponse | None":
        """Ask for an object; None when there is none."""
        try:
            response = (client or self._client).get_object(self.bucket, key, request_headers=headers)
        except TRANSPORT_ERRORS as err:
            if error_code(err) == "NoSuchKey":
                return None
            raise self._explain(err, target) from err
        except ShoalError:  # as in read_clock
            raise
        except ValueError as err:  # the client's own check of the names
            raise ConfigError(f"Object {key!r} in bucket {self.bucket!r} cannot be asked for: {err}") from err
        LET_IN.add(self.access)
        return response

    def _list_page(self, prefix: str, token: str, delimiter: str, after: str = "") -> ListingPage:
        # Empty values are sent too: a bucket policy may ask for them.
        query: dict[str, str | list[str] | tuple[str]] = {
            "list-type": "2",
            "encoding-type": "url",
            "delimiter": delimiter,
            "max-keys": str(PAGE_KEYS),
            "prefix": prefix,
        }
        if token:
            query["continuation-token"] = token
        elif after:
            query["start-after"] = after
        # Amazon tells which objects of an archive are restored, for the asking; what others make of the header nobody says.
        headers: dict[str, str | list[str] | tuple[str]] | None = (
            {"x-amz-optional-object-attributes": "RestoreStatus"} if is_amazon(self.access.host) else None
        )
        try:
            # Private, but it signs, finds the region and names errors; the version is pinned below the next.
            response = self._client._execute("GET", self.bucket, headers=headers, query_params=query)  # noqa: SLF001
        except TRANSPORT_ERRORS as err:
            raise self._explain(err) from err
        LET_IN.add(self.access)
        return parse_page(response.data)

    def _explain(self, err: BaseException, target: str = "") -> ShoalError:
        """Name an error."""
        no_bucket = error_code(err) == "NoSuchBucket"  # then it is not the object that is to be created
        problem = explain(err, self.located, self._target if no_bucket else target or self._target)
        return told_as_ended(problem, self.access)


def _date_of(response: "BaseHTTPResponse") -> datetime:
    return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)


def _read_at_most(most: int, response: "BaseHTTPResponse") -> bytes:
    """Read a body of at most so many bytes."""
    return b"".join(_bounded(response, most))


def _bounded(response: "BaseHTTPResponse", most: int | None) -> Iterator[bytes]:
    """Give a body piece by piece, whose length an answer may announce, or not; what is announced as too long is not begun.

    Raises:
        TooLargeError: It has more than `most` bytes; the message is the reason alone.
    """
    announced, came = length_of(response.headers), 0
    if most is not None and announced is not None and announced > most:
        raise TooLargeError(too_large(announced, most))
    for piece in response.stream(PIECE_BYTES, decode_content=False):
        came += len(piece)
        if most is not None and came > most:
            raise TooLargeError(too_large(None, most))
        yield piece


def _save(path: Path, most: int | None, response: "BaseHTTPResponse") -> Path:
    with path.open("wb") as file:
        for piece in _bounded(response, most):
            try:
                file.write(piece)
            except OSError as err:  # this machine's disk, not the store
                raise ConfigError(
                    f"{path} cannot be written: {err.strerror} - free some disk or set TMPDIR to a larger one"
                ) from err
    return path
