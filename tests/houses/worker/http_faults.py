"""A real HTTP server that answers as a broken store would."""

import http.client
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

Answer = Callable[[BaseHTTPRequestHandler, int], None]
"""Writes the answer to one request; the number counts the requests from 1."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_):
        """Clients that hang up are what these tests are about."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(*_)


@contextmanager
def faulty_store(answer: Answer, address: str = "127.0.0.1") -> Iterator[tuple[str, list[str]]]:
    """Serve `answer` for every request; yields the endpoint URL and the list of requests so far."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for the client to say that its headers came

        def do_GET(self):
            requests.append(f"{self.command} {self.path}")
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self, len(requests))

        do_PUT = do_DELETE = do_POST = do_PATCH = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = _Server((address, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{address}:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()


def whole(body: bytes, etag: str = "", modified: str = "") -> Answer:
    def answer(handler, _number):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        if etag:
            handler.send_header("ETag", f'"{etag}"')
        if modified:
            handler.send_header("Last-Modified", modified)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def cut(body: bytes, keep: int, *, announce: bool = True) -> Answer:
    """Announce the whole body, unless told not to, send `keep` bytes of it and hang up."""

    def answer(handler, _number):
        handler.send_response(200)
        if announce:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:keep])
        handler.close_connection = True

    return answer


def status(code: int, s3_code: str = "", content_type: str = "application/xml") -> Answer:
    def answer(handler, _number):
        body = f"<?xml version='1.0'?><Error><Code>{s3_code}</Code><Message>m</Message></Error>".encode()
        handler.send_response(code)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":  # what came after its headers would begin the next answer
            handler.wfile.write(body)

    return answer


def first(times: int, fault: Answer, then: Answer) -> Answer:
    """Answer the first requests with a fault."""
    return lambda handler, number: (fault if number <= times else then)(handler, number)


def passed_on(endpoint_url: str, *, ca_file: str | None = None, keep: float = 1.0) -> Answer:
    """Let the real server answer; a signature stays valid, since the server is told the name that was asked for.

    Args:
        endpoint_url: The real server.
        ca_file: Who signed its certificate; None for one without TLS.
        keep: Share of each body that is sent on before the connection is cut.
    """
    connect = connector(endpoint_url, ca_file)

    def answer(handler, _number):
        server = connect()
        try:
            server.request(handler.command, handler.path, handler.body, dict(handler.headers))
            reply = server.getresponse()
            handler.send_response_only(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    handler.send_header(name, value)
            if reply.getheader("Transfer-Encoding") and keep == 1.0:
                _relay_pieces(handler, reply)
            else:
                _relay_whole(handler, reply, keep)
        except OSError:
            handler.close_connection = True  # the real server is away: so are we
        finally:
            server.close()

    return answer


def connector(endpoint_url: str, ca_file: str | None) -> Callable[[], http.client.HTTPConnection]:
    """Tell how the real server is reached."""
    address = urlsplit(endpoint_url).netloc
    if ca_file is None:
        return lambda: http.client.HTTPConnection(address, timeout=60)
    context = ssl.create_default_context(cafile=ca_file)
    return lambda: http.client.HTTPSConnection(address, timeout=60, context=context)


def _relay_pieces(handler: BaseHTTPRequestHandler, reply: http.client.HTTPResponse) -> None:
    """Send on what comes when it comes: some answers never end."""
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while piece := reply.read1(65536):
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def _relay_whole(handler: BaseHTTPRequestHandler, reply: http.client.HTTPResponse, keep: float) -> None:
    body = reply.read()
    length = reply.getheader("Content-Length") if handler.command == "HEAD" else None
    handler.send_header("Content-Length", length or str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: int(len(body) * keep)])
    if keep < 1.0:
        handler.close_connection = True


def of(ending: str, fault: Answer, then: Answer) -> Answer:
    """Answer with a fault whatever is asked of the object whose key ends so."""

    def answer(handler, number):
        asked = unquote(urlsplit(handler.path).path)
        (fault if asked.endswith(ending) else then)(handler, number)

    return answer


def late(seconds: float, then: Answer) -> Answer:
    """Answer after a while."""

    def answer(handler, number):
        time.sleep(seconds)
        then(handler, number)

    return answer


def after(times: int, fault: Answer, then: Answer) -> Answer:
    """Answer with a fault once so many requests went well."""
    return lambda handler, number: (fault if number > times else then)(handler, number)
