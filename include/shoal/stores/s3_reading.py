"""Whole objects of an S3 bucket, and parts of them: an image is read as the one that was listed."""

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from minio import Minio

from shoal.contract.errors import AccessDeniedError, ConfigError, ContractError, ShoalError, StoreError, TooLargeError
from shoal.contract.gone_objects import gone
from shoal.stores.images import Fetched, ImageArchived, ImageDenied, ImageGone, refuse_segments
from shoal.stores.pieces import Piece, asked_range, read_span
from shoal.stores.s3_access import TRANSPORT_ERRORS
from shoal.stores.s3_bodies import PIECE_BYTES, read_at_most, save
from shoal.stores.s3_bucket import S3Bucket
from shoal.stores.s3_codes import meaning_of
from shoal.stores.s3_errors import error_code
from shoal.stores.s3_login import LET_IN
from shoal.stores.s3_meaning import About
from shoal.stores.s3_patience import Others
from shoal.stores.s3_versions import length_of, need_same, unquoted

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

T = TypeVar("T")

BODY_PAUSES_S = (0.5, 1.0, 2.0)
"""The client itself repeats failed requests, but not a body that breaks off: that is asked for again after these."""

_NO_RANGE = {"InvalidRange", "NotImplemented"}
"""Codes for an object that has fewer bytes, and of stores that give no part of one."""


class S3Reader(S3Bucket):
    """A bucket whose objects are read; thread-safe."""

    most_reads = 32

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
            if (meaning := self._said_of_image(key, err, before)) is None:
                raise
            raise meaning from err
        if data is None:
            raise ImageGone(key)
        if len(data) != size_bytes:
            # No length was announced, else it would have been compared: a body that broke off looks the same.
            raise StoreError(f"{key!r}: {len(data)} bytes came, {size_bytes} are listed - see the store's log")
        return Fetched(data, version_checked=checked)

    def _said_of_image(self, key: str, err: StoreError, before: Others) -> Exception | None:
        """Tell what a failure says of one image, with what the store gave since; None where it says nothing of it."""
        code = None if err.__cause__ is None else error_code(err.__cause__)
        meaning = meaning_of(code)
        if meaning is not None and meaning.about is About.ARCHIVED:
            return ImageArchived(f"It lies in an archive ({code}) - {meaning.way_out}")
        if meaning is not None and meaning.is_waited_for and self._others.are_given_since(before):
            return StoreError(
                f"{self.access.endpoint_url} does not give {self._object(key)} ({code}), and gave "
                f"{self._others.given - before.given} others meanwhile - see the store's log"
            )
        return None

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
            return self._take(key, partial(read_at_most, most), self._object(key))
        except TooLargeError as err:
            raise ContractError(f"Object {key!r} of bucket {self.bucket!r} is not read: {err} - restore it") from err

    def download(self, key: str, path: Path, most: int | None = None) -> None:
        """See `ImageStore.download`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            taken = self._take(key, partial(save, path, most), self._object(key))
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
            data = b"" if span is None else read_at_most(span.end - span.first, response)
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
