"""A host that nobody of Shoal may ask, and the names that would lead there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Rogue:
    """An HTTP server that answers nothing of use and remembers who asked."""

    address: str
    asked: list[str] = field(default_factory=list)

    @property
    def query(self) -> str:
        """What DuckDB takes for its own settings behind the name of an object."""
        return f"?s3_endpoint={self.address}&s3_use_ssl=false"


@contextmanager
def rogue_host() -> Iterator[Rogue]:
    """Listen on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            rogue.asked.append(f"{self.command} {self.path} {self.headers.get('Authorization', '')[:24]}")
            self.send_error(404)

        do_HEAD = do_PUT = do_POST = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    rogue = Rogue(f"127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield rogue
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
