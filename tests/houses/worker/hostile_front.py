"""A front before a real S3 server that spoils what is asked of the image bucket, by a plan that a test draws."""

import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from worker.http_faults import faulty_store, passed_on

HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Please <br> sign in &nbsp;</body></html>"
XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"

ALWAYS = 10**6
"""So many requests are spoilt: all of them."""


@dataclass(frozen=True)
class Refusal:
    """An answer that is no object.

    Attributes:
        status: HTTP status.
        body: What it says, whatever `content_type` claims.
        content_type: None leaves the header out.
        headers: Further ones.
    """

    status: int
    body: bytes = b""
    content_type: str | None = "application/xml"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Spoilt:
    """The object's own answer, changed.

    Attributes:
        keep: Share of the body that is sent.
        length: The Content-Length that is announced; None the true one, empty none at all.
        etag: The ETag that is announced; None the true one, empty none at all.
        body: Sent in place of the object's.
        headers: Further ones.
        drip_s: Seconds between two pieces of the body.
        cut: How the connection ends: "" as it should, "close" after the body, "reset" after it, "before" without a byte.
    """

    keep: float = 1.0
    length: str | None = None
    etag: str | None = None
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    drip_s: float = 0.0
    cut: str = ""


Trouble = Refusal | Spoilt


@dataclass(frozen=True)
class Entry:
    """One object as a page of the listing shows it; a field of None is left out, an empty one is there and empty."""

    key: str
    size: str | None
    etag: str | None
    last_modified: str | None
    storage_class: str | None = None


@dataclass(frozen=True)
class Pages:
    """The listing that is told.

    Attributes:
        pages: The entries of each page.
        url_encoded: Whether keys are, and EncodingType says so.
        key_count: What KeyCount says; None leaves it out.
        token: Continuation token of the page of this number.
        namespace: Whether the document has S3's.
        troubles: What is answered first to the request for a page, by its number.
    """

    pages: tuple[tuple[Entry, ...], ...]
    url_encoded: bool = True
    key_count: str | None = None
    tokens: tuple[str | None, ...] = ()
    namespace: bool = True
    troubles: Mapping[int, tuple[Trouble, int]] = field(default_factory=dict)

    def token(self, number: int) -> str | None:
        """The token that leads to a page."""
        return self.tokens[number - 1] if number - 1 < len(self.tokens) else f"page {number}=="

    def number_of(self, token: str) -> int:
        """The page that a token leads to: the first one of those that have it."""
        return next((n for n in range(1, len(self.pages)) if self.token(n) == token), 0)

    def write(self, number: int) -> bytes:
        """Write a page as a ListBucketResult."""
        entries = "".join(self._entry(entry) for entry in self.pages[number])
        last = number + 1 >= len(self.pages)
        token = None if last else self.token(number + 1)
        count = "" if self.key_count is None else f"<KeyCount>{self.key_count}</KeyCount>"
        namespace = f" xmlns='{XMLNS}'" if self.namespace else ""
        return (
            f"<?xml version='1.0' encoding='UTF-8'?><ListBucketResult{namespace}><Name>b</Name>{count}"
            f"<IsTruncated>{'false' if last else 'true'}</IsTruncated>"
            f"{'<EncodingType>url</EncodingType>' if self.url_encoded else ''}"
            f"{'' if token is None else f'<NextContinuationToken>{escape(token)}</NextContinuationToken>'}"
            f"{entries}</ListBucketResult>"
        ).encode()

    def _entry(self, entry: Entry) -> str:
        key = quote(entry.key, safe="/") if self.url_encoded else escape(entry.key)
        fields = {
            "Key": key,
            "LastModified": entry.last_modified,
            "ETag": None if entry.etag is None else f"&quot;{entry.etag}&quot;",
            "Size": entry.size,
            "StorageClass": entry.storage_class,
        }
        written = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items() if value is not None)
        return f"<Contents>{written}</Contents>"


class Front:
    """What the front does; a test changes it between two runs.

    Attributes:
        bucket: The bucket whose requests are spoilt.
        listing: What its listing tells; None lets the real server answer.
        troubles: By key: what is answered, and to how many requests.
    """

    def __init__(self, real: str, bucket: str) -> None:
        self.bucket = bucket
        self._pass_on = passed_on(real)
        self.listing: Pages | None = None
        self.troubles: Mapping[str, tuple[Trouble, int]] = {}
        self._asked: Counter[str | int] = Counter()

    def play(self, listing: Pages | None, troubles: Mapping[str, tuple[Trouble, int]]) -> None:
        """Begin with another plan."""
        self.listing, self.troubles = listing, troubles
        self._asked = Counter()

    def __call__(self, handler: BaseHTTPRequestHandler, number: int) -> None:
        """Answer one request."""
        url = urlsplit(handler.path)
        bucket, _, key = unquote(url.path.removeprefix("/")).partition("/")
        if bucket != self.bucket or handler.command not in ("GET", "HEAD"):
            self._pass_on(handler, number)
        elif key:
            self._asked[key] += 1
            trouble, times = self.troubles.get(key, (None, 0))
            self._spoil(handler, number, trouble if self._asked[key] <= times else None)
        elif self.listing is not None and "list-type" in (query := parse_qs(url.query)):
            self._list(handler, query.get("continuation-token", [""])[0], query.get("max-keys", [""])[0])
        else:
            self._pass_on(handler, number)

    def _list(self, handler: BaseHTTPRequestHandler, token: str, most: str) -> None:
        assert self.listing is not None
        number = self.listing.number_of(token) if token else 0
        trouble, times = self.listing.troubles.get(number, (None, 0))
        if most != "1":  # else the store's clock is asked for
            self._asked[number] += 1
        body = self.listing.write(number)
        if most == "1" or trouble is None or self._asked[number] > times:
            _send(handler, 200, body, (("Content-Type", "application/xml"),))
        elif isinstance(trouble, Refusal):
            _refuse(handler, trouble)
        else:
            _send_spoilt(handler, body, (("Content-Type", "application/xml"),), trouble)

    def _spoil(self, handler: BaseHTTPRequestHandler, number: int, trouble: Trouble | None) -> None:
        if trouble is None:
            self._pass_on(handler, number)
        elif isinstance(trouble, Refusal):
            _refuse(handler, trouble)
        else:
            kept = _Kept(handler)
            self._pass_on(kept, number)  # type: ignore[arg-type]
            headers = [
                pair
                for pair in kept.headers_sent
                if pair[0].lower() not in ("content-length", "etag", "server", "date")
            ]
            true_etag = dict(kept.headers_sent).get("ETag", "")
            etag = true_etag if trouble.etag is None else trouble.etag
            _send_spoilt(handler, bytes(kept.wfile.body), [*headers, *([("ETag", etag)] if etag else [])], trouble)


class _Kept:
    """Stands in for a handler, and keeps what the real server answers."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.command, self.path, self.headers, self.body = handler.command, handler.path, handler.headers, handler.body
        self.headers_sent: list[tuple[str, str]] = []
        self.wfile = _Bytes()
        self.close_connection = False

    def send_response_only(self, _status: int) -> None:
        pass

    def send_header(self, name: str, value: str) -> None:
        self.headers_sent.append((name, value))

    def end_headers(self) -> None:
        pass


class _Bytes:
    def __init__(self) -> None:
        self.body = bytearray()

    def write(self, data: bytes) -> None:
        self.body += data


def _refuse(handler: BaseHTTPRequestHandler, refusal: Refusal) -> None:
    kind = () if refusal.content_type is None else (("Content-Type", refusal.content_type),)
    _send(handler, refusal.status, refusal.body, (*kind, *refusal.headers))


def _send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: Sequence[tuple[str, str]], length: str = ""
) -> None:
    handler.send_response(status)
    for name, value in headers:
        handler.send_header(name, value)
    handler.send_header("Content-Length", length or str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def _send_spoilt(
    handler: BaseHTTPRequestHandler, body: bytes, headers: Sequence[tuple[str, str]], spoilt: Spoilt
) -> None:
    if spoilt.cut == "before":
        _reset(handler)
        return
    body = body if spoilt.body is None else spoilt.body
    handler.send_response(200)
    for name, value in (*headers, *spoilt.headers):
        handler.send_header(name, value)
    length = str(len(body)) if spoilt.length is None else spoilt.length
    if length:
        handler.send_header("Content-Length", length)
    handler.end_headers()
    sent = body[: int(len(body) * spoilt.keep)]
    step = len(sent) if not spoilt.drip_s else max(len(sent) // 4, 1)
    for at in range(0, len(sent), step or 1):
        handler.wfile.write(sent[at : at + step])
        time.sleep(spoilt.drip_s)
    if spoilt.cut == "reset":
        _reset(handler)
    # What was announced and did not come would be waited for.
    handler.close_connection = handler.close_connection or bool(spoilt.cut) or length != str(len(sent))


def _reset(handler: BaseHTTPRequestHandler) -> None:
    """End a connection as a firewall does: by a reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


@contextmanager
def hostile_front(real: str, bucket: str) -> Iterator[tuple[str, Front]]:
    """Serve a front; yields its URL, and what a test changes."""
    front = Front(real, bucket)
    with faulty_store(front) as (endpoint_url, _):
        yield endpoint_url, front
