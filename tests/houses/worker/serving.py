"""The worker's server as the process it is in a pod, on loopback, and a client that sends as it likes."""

import http.client
import json
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from worker.processes import worker_env

ANSWER_S = 60.0


@dataclass(frozen=True)
class Answered:
    """An answer as it came."""

    code: int
    body: bytes
    headers: dict[str, str]

    def json(self) -> dict:
        return json.loads(self.body)


@dataclass(frozen=True)
class Serving:
    """A server that answers.

    Attributes:
        process: Its process.
        port: On loopback.
    """

    process: subprocess.Popen
    port: int

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answered:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        try:
            said = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, said, encode_chunked="Transfer-Encoding" in said)
            return answered(connection.getresponse())
        finally:
            connection.close()

    def predict(self, data: bytes, name: str = "", **headers: str) -> Answered:
        return self.ask("POST", f"/v1/predict?image={quote(name)}", data, **headers)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_S)

    def begin(self, size: int, *, sent: bytes = b"") -> socket.socket:
        """Begin to send an image of so many bytes."""
        client = self.connect()
        client.sendall(f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + sent)
        return client

    def await_ready(self) -> None:
        deadline = time.monotonic() + ANSWER_S
        while self.ask("GET", "/health/ready").code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def answered(response: http.client.HTTPResponse) -> Answered:
    return Answered(response.status, response.read(), {name.lower(): value for name, value in response.getheaders()})


def rest_of(client: socket.socket) -> Answered:
    """Read the answer to what was begun."""
    response = http.client.HTTPResponse(client)
    response.begin()
    with client:
        return answered(response)


def resident_mib(process_id: int) -> int:
    """Read how much memory a process holds."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) >> 10


def serve_command(model: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "shoal_worker", "serve", "--model", str(model), "--port", "0", *options]


@contextmanager
def serving(model: Path, *options: str, memory_bytes: int | None = None) -> Iterator[Serving]:
    """Serve a model; it is told to stop at the end, unless that was done before.

    Args:
        model: Its file.
        options: More of the command.
        memory_bytes: What each of its processes may allocate.
    """
    with (model.parent / "serve.log").open("w") as log:
        process = subprocess.Popen(
            serve_command(model, *options),
            env=worker_env(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        if memory_bytes is not None:
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        try:
            line = process.stdout.readline()
            assert line.startswith("Serving "), (model.parent / "serve.log").read_text()
            yield Serving(process, int(line.rpartition(":")[2]))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(ANSWER_S)
            finally:
                process.kill()
                process.stdout.close()
