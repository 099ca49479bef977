"""A bucket that can only be listed, of any keys: their entries lie in one file, in key order, and pages are cut out of it.

Answers ListObjectsV2 (prefix, delimiter, start-after, continuation-token, max-keys) and nothing else; signatures are not checked.
"""

import mmap
import subprocess
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from shoal.stores.s3_access import StoreAccess

PAGE_KEYS = 1000
AFTER_ALL = b"\xff"
"""Follows every byte of a key."""

ENTRY = (
    "'<Contents><Key>' || key || '</Key><LastModified>' || strftime(last_modified, '%Y-%m-%dT%H:%M:%S.000Z') || '</LastModified>"
    "<ETag>&quot;' || object_version || '&quot;</ETag><Size>' || size_bytes || '</Size><StorageClass>STANDARD</StorageClass>"
    "</Contents>'"
)
"""SQL for the line of one object; its key needs no escape, neither in XML nor in a URL."""

_PAGE = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Name>images</Name><Prefix>%s</Prefix><KeyCount>%d</KeyCount><MaxKeys>%d</MaxKeys>"
    b"<EncodingType>url</EncodingType><IsTruncated>%s</IsTruncated>%s%s</ListBucketResult>"
)


@contextmanager
def serve_entries(entries: Path) -> Iterator[StoreAccess]:
    """Run the server in a process of its own, on loopback.

    Args:
        entries: Lines of `ENTRY`, in key order.
    """
    process = subprocess.Popen([sys.executable, __file__, str(entries)], stdout=subprocess.PIPE, text=True)
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError(f"{Path(__file__).name} did not start - see its message above")
        yield StoreAccess(f"http://127.0.0.1:{port}", "anybody", "anything")
    finally:
        process.terminate()
        process.wait()


class _Bucket:
    """Entries by number, in key order."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._starts = array("q", [0])
        while (end := self._data.find(b"\n", self._starts[-1])) >= 0:
            self._starts.append(end + 1)
        self._numbers = range(len(self._starts) - 1)

    def key(self, number: int) -> bytes:
        start = self._starts[number] + len("<Contents><Key>")
        return self._data[start : self._data.find(b"<", start)]

    def find(self, prefix: bytes, after: bytes) -> tuple[int, int]:
        """Find the range of entries whose key begins with `prefix` and follows `after`."""
        start = bisect_left(self._numbers, prefix, key=self.key)
        if after:
            start = max(start, bisect_right(self._numbers, after, key=self.key))
        return start, bisect_left(self._numbers, prefix + AFTER_ALL, key=self.key)

    def page(self, prefix: bytes, start: int, end: int, most: int) -> bytes:
        """Cut out the page of entries from `start` on; `end` is the first one out of the listing."""
        last = min(start + most, end)
        shown = self._data[self._starts[start] : self._starts[last]]
        return self._render(prefix, (last - start, most), last if last < end else None, shown)

    def folders(self, prefix: bytes, start: int, end: int, most: int) -> bytes:
        """Render the page of what lies directly below a prefix."""
        shown = []
        while start < end and len(shown) < most:
            key = self.key(start)
            head, slash, _ = key[len(prefix) :].partition(b"/")
            if slash:
                folder = prefix + head + slash
                shown.append(b"<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>" % folder)
                start = bisect_left(self._numbers, folder + AFTER_ALL, key=self.key)
            else:
                shown.append(self._data[self._starts[start] : self._starts[start + 1]])
                start += 1
        return self._render(prefix, (len(shown), most), start if start < end else None, b"".join(shown))

    def _render(self, prefix: bytes, keys: tuple[int, int], following: int | None, shown: bytes) -> bytes:
        """Render a page: how many there are and may be, where the next one begins, and what is on it."""
        token = b"" if following is None else b"<NextContinuationToken>%d</NextContinuationToken>" % following
        truncated = b"true" if token else b"false"
        return _PAGE % (quote(prefix).encode(), *keys, truncated, token, shown)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and page leave together

    entries: Path
    bucket: _Bucket
    read_of: int = 0

    @classmethod
    def read_entries(cls) -> None:
        """Read the entries where they are new."""
        inode = cls.entries.stat().st_ino
        if inode != cls.read_of:
            cls.bucket, cls.read_of = _Bucket(cls.entries), inode

    def do_GET(self) -> None:
        """Answer one page."""
        self.read_entries()
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if query.get("list-type") != "2" or query.get("delimiter", "/") != "/":
            self.send_error(501)
            return
        prefix = query.get("prefix", "").encode()
        start, end = self.bucket.find(prefix, query.get("start-after", "").encode())
        start = int(query.get("continuation-token", start))
        make = self.bucket.folders if "delimiter" in query else self.bucket.page
        page = make(prefix, start, end, min(int(query.get("max-keys", PAGE_KEYS)), PAGE_KEYS))
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def main() -> None:
    """Find the entries, print the port, serve until terminated."""
    _Handler.entries = Path(sys.argv[1])
    _Handler.read_entries()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
