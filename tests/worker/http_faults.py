"""A real HTTP server that answers as a broken store would."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

Answer = Callable[[BaseHTTPRequestHandler, int], None]
"""Writes the answer to one request; the number counts the requests from 1."""


@contextmanager
def faulty_store(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """Serve `answer` for every request; yields the endpoint URL and the list of requests so far."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            requests.append(f"{self.command} {self.path}")
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self, len(requests))

        do_PUT = do_DELETE = do_POST = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()


def whole(body: bytes, etag: str = "") -> Answer:
    def answer(handler, _number):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        if etag:
            handler.send_header("ETag", f'"{etag}"')
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
        handler.wfile.write(body)

    return answer


def first(times: int, fault: Answer, then: Answer) -> Answer:
    """Answer the first requests with a fault."""
    return lambda handler, number: (fault if number <= times else then)(handler, number)


def passed_on(endpoint_url: str) -> Answer:
    """Let a real store answer; the signature stays valid, since the store is told the name that was asked for."""

    def answer(handler, _number):
        store = http.client.HTTPConnection(urlsplit(endpoint_url).netloc, timeout=60)
        store.request(handler.command, handler.path, handler.body, dict(handler.headers))
        reply = store.getresponse()
        body = reply.read()
        handler.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                handler.send_header(name, value)
        length = reply.getheader("Content-Length") if handler.command == "HEAD" else None
        handler.send_header("Content-Length", length or str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        store.close()

    return answer


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
