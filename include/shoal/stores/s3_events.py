"""Notifications of a bucket, as MinIO sends them to whoever asks for as long as they listen; a store without says so.

The client's own reader connects anew without a word, and what came meanwhile would be missed in silence. The last releases of
MinIO hold notifications back until two kilobytes of them are there: they are taken for stores without.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

from minio import Minio
from urllib3.exceptions import MaxRetryError, ReadTimeoutError

from shoal.contract.errors import NoEventsError, StoreError, one_line
from shoal.stores.s3_access import TRANSPORT_ERRORS, is_amazon
from shoal.stores.s3_errors import error_code

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")

LINE_BYTES = 4 * 1024**2
"""What one line of them has at most; a key has a thousand."""

_STREAM = "text/event-stream"

_UNKNOWN = {"NotImplemented", "MethodNotAllowed", "InvalidArgument", "InvalidRequest", "BadRequest"}
"""Codes of stores that know no such request; others take it for a listing."""


def tell_keys(client: Minio, bucket: str, prefix: str, endpoint_url: str) -> Iterator[str | None]:
    """Listen; see `ImageStore.listen`. Errors of the transport are raised as they are.

    Args:
        client: Its read timeout is the longest silence: a store that tells says each second that it is there.
        bucket: Name of the bucket.
        prefix: Keys that are told begin with it.
        endpoint_url: Of the store, for people.

    Raises:
        NoEventsError: The store tells nobody, or not this login.
        StoreError: It ended the notifications, or what it sends is none.
    """
    response = _ask(client, bucket, prefix, endpoint_url)
    try:
        yield None
        rest = b""
        for chunk in response.stream(64 * 1024, decode_content=False):
            *lines, rest = (
                (rest + chunk).lstrip().split(b"\n")
            )  # older releases send spaces to show that they are there
            if len(rest) > LINE_BYTES:
                raise StoreError(f"A notification of {endpoint_url} has no end - see the store's log")
            for line in lines:
                yield from _keys_of(line, endpoint_url)
            yield None
        raise StoreError(f"{endpoint_url} ended the notifications of bucket {bucket!r}")
    except ReadTimeoutError as err:
        raise _held_back(endpoint_url) from err
    finally:
        response.close()
        response.release_conn()


def _ask(client: Minio, bucket: str, prefix: str, endpoint_url: str) -> "BaseHTTPResponse":
    if is_amazon(urlsplit(endpoint_url).netloc):
        raise NoEventsError(f"{endpoint_url} tells nobody who listens what comes into a bucket")
    query: dict[str, str | list[str] | tuple[str]] = {
        "prefix": prefix,
        "suffix": "",
        "events": list(EVENTS),
        "ping": "1",
    }
    try:
        # Private, as in S3Lister._list_page.
        response = client._execute("GET", bucket, query_params=query, preload_content=False)  # noqa: SLF001
    except MaxRetryError as err:
        if isinstance(err.reason, ReadTimeoutError):
            raise _held_back(endpoint_url) from err
        raise
    except TRANSPORT_ERRORS as err:
        code = error_code(err)
        if code == "AccessDenied":
            raise NoEventsError(
                f"The login for bucket {bucket!r} at {endpoint_url} may not listen to it (AccessDenied) - allow "
                "s3:ListenBucketNotification where the store has it"
            ) from err
        if code in _UNKNOWN:
            raise NoEventsError(
                f"{endpoint_url} tells nobody who listens what comes into a bucket (it says {code})"
            ) from err
        raise
    if not response.headers.get("Content-Type", "").startswith(_STREAM):
        response.close()
        response.release_conn()
        raise NoEventsError(f"{endpoint_url} tells nobody who listens what comes into a bucket (it sends a listing)")
    return response


def _held_back(endpoint_url: str) -> NoEventsError:
    return NoEventsError(f"{endpoint_url} holds back what it tells of a bucket, if it tells anything")


def _keys_of(line: bytes, endpoint_url: str) -> Iterator[str]:
    """Read the keys of one line; most lines say only that the store is there."""
    text = line.strip()
    if not text:
        return
    try:
        for record in json.loads(text)["Records"] or ():
            key = record["s3"]["object"]["key"]
            # To those who listen MinIO tells keys as they are, to other targets encoded: which it is nobody can see.
            yield from {key, unquote_plus(key)}
    except (ValueError, KeyError, TypeError) as err:
        raise StoreError(
            f"A notification of {endpoint_url} cannot be read ({one_line(err, 200)}) - see the store's log"
        ) from err
