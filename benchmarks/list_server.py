"""A bucket that can only be listed: any number of photos that never existed, rendered before anyone asks.

Answers ListObjectsV2 (prefix, delimiter, continuation-token, max-keys, encoding-type) and where the bucket is, and nothing else;
signatures are not checked. It renders all photos at the start, so that listing measures the client and not this server; with
`--late` each when it is asked for, so that a hundred million of them take no memory.
"""

import argparse
import hashlib
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from shoal.stores.s3_access import StoreAccess

PAGE_KEYS = 1000
CAMERA_MINUTES = 4 * 365 * 24 * 60
FIRST = datetime(2022, 1, 1, tzinfo=UTC)
AFTER_ALL = "\U0010ffff"
"""Follows every character a key holds: a prefix with it appended ends the range of its keys."""

_PAGE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>images</Name><Prefix>{prefix}</Prefix><KeyCount>{count}</KeyCount><MaxKeys>{max_keys}</MaxKeys>"
    "<EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>{token}{contents}</ListBucketResult>"
)
_CONTENTS = (
    "<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><ETag>&quot;{etag}&quot;</ETag>"
    "<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
)

_FOLDER = "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>"

_LOCATION = b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">us-east-1</LocationConstraint>'


def key_at(number: int) -> str:
    """Name the photo of one minute: keys sort as their numbers do."""
    taken = FIRST + timedelta(minutes=number)
    return f"{taken:%Y/%m/%d/%Y%m%d-%H%M%S}-IPC608_8B64_165.jpg"


def flat_key_at(number: int) -> str:
    """Name a photo of one camera folder."""
    return f"IPC608/IMG_{number:08d}.jpg"


def skewed_key_at(number: int) -> str:
    """Name a photo of a bucket that one camera fills nearly alone, in a folder whose name is no ASCII."""
    return f"probe-{number}/frame.jpg" if number < 4 else f"Öland/{key_at(number)}"


def camera_key_at(number: int) -> str:
    """Name a photo of one of many cameras, each with four years of minutes."""
    camera, minute = divmod(number, CAMERA_MINUTES)
    taken = FIRST + timedelta(minutes=minute)
    return f"CAM{camera:03d}/{taken:%Y/%m/%d/%Y%m%d-%H%M%S}-CAM{camera:03d}.jpg"


LAYOUTS = {"dated": key_at, "skewed": skewed_key_at, "flat": flat_key_at, "cameras": camera_key_at}


@contextmanager
def list_server(keys: int, layout: str = "dated", delay_ms: float = 0, *, late: bool = False) -> Iterator[StoreAccess]:
    """Run the server in a process of its own, on loopback.

    Args:
        keys: Photos in the bucket.
        layout: How they are named.
        delay_ms: What every answer takes besides, as one from far away.
        late: Whether photos are rendered when they are asked for.
    """
    command = [sys.executable, __file__, str(keys), "--layout", layout, "--delay-ms", str(delay_ms), *["--late"][:late]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError(f"{Path(__file__).name} did not start - see its message above")
        yield StoreAccess(f"http://127.0.0.1:{port}", "anybody", "anything")
    finally:
        process.terminate()
        process.wait()


class _Bucket:
    """The photos numbered from 0, as listing pages."""

    def __init__(self, keys: int, layout: str = "dated", *, late: bool = False) -> None:
        self._numbers = range(keys)
        self._key_at = LAYOUTS[layout]
        self._minutes = CAMERA_MINUTES if layout == "cameras" else keys
        self._photos = None if late else [self._render_photo(number) for number in self._numbers]

    def find(self, prefix: str) -> tuple[int, int]:
        """Find the range of photos whose key begins with `prefix`."""
        start = bisect_left(self._numbers, prefix, key=self._key_at)
        return start, bisect_left(self._numbers, prefix + AFTER_ALL, key=self._key_at)

    def page(self, prefix: str, delimiter: str, start: int, max_keys: int) -> bytes:
        """Put together the page of photos, or of photos and folders, from `start` on."""
        begin, end = self.find(prefix)
        at = max(start, begin)
        contents: list[str] = []
        folders: list[str] = []
        while at < end and len(contents) + len(folders) < max_keys:
            cut = self._key_at(at).find(delimiter, len(prefix)) if delimiter else -1
            if cut < 0:
                contents.append(self._photos[at] if self._photos else self._render_photo(at))
                at += 1
            else:
                folders.append(self._key_at(at)[: cut + len(delimiter)])
                at = bisect_left(self._numbers, folders[-1] + AFTER_ALL, key=self._key_at)
        truncated = at < end
        page = _PAGE.format(
            prefix=quote(prefix),
            count=len(contents) + len(folders),
            max_keys=max_keys,
            truncated=str(truncated).lower(),
            token=f"<NextContinuationToken>{at}</NextContinuationToken>" if truncated else "",
            contents="".join(contents) + "".join(_FOLDER.format(quote(folder)) for folder in folders),
        )
        return page.encode()

    def _render_photo(self, number: int) -> str:
        modified = FIRST + timedelta(minutes=number % self._minutes, seconds=7)
        return _CONTENTS.format(
            key=quote(self._key_at(number)),  # which needs no escape in XML
            modified=f"{modified:%Y-%m-%dT%H:%M:%S}.000Z",
            etag=hashlib.md5(str(number).encode()).hexdigest(),
            size=82_000 + number * 7919 % 11_000,
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and page leave together

    bucket: _Bucket
    delay_s = 0.0

    def do_GET(self) -> None:
        """Answer one page, or where the bucket is."""
        query = {
            name: values[0] for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()
        }
        if "location" in query:
            self._answer(_LOCATION)
            return
        if query.get("list-type") != "2":
            self.send_error(501)
            return
        prefix = query.get("prefix", "")
        start = int(query.get("continuation-token", 0))
        time.sleep(self.delay_s)
        most = min(int(query.get("max-keys", PAGE_KEYS)), PAGE_KEYS)
        self._answer(self.bucket.page(prefix, query.get("delimiter", ""), start, most))

    def _answer(self, page: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def main() -> None:
    """Render the photos, print the port, serve until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keys", type=int)
    parser.add_argument("--layout", choices=LAYOUTS, default="dated")
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--late", action="store_true")
    arguments = parser.parse_args()
    _Handler.bucket = _Bucket(arguments.keys, arguments.layout, late=arguments.late)
    _Handler.delay_s = arguments.delay_ms / 1000
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
