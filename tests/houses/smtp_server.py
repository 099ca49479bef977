"""A mail server on loopback: takes every message and keeps it."""

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class Mailbox(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as mail clients need."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.messages: list[EmailMessage] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def wait_for(self, wanted: Callable[[str], bool], within_s: float = 300) -> EmailMessage:
        """Wait for a message whose subject is wanted."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for message in list(self.messages):
                if wanted(str(message["Subject"])):
                    return message
            time.sleep(0.5)
        raise AssertionError(
            f"no such message in {within_s} s: {[str(message['Subject']) for message in self.messages]}"
        )


class _Session(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline():
            word = line.split(b" ", 1)[0].strip().upper()
            if word == b"DATA":
                self._say("354 go on")
                self.server.messages.append(message_from_bytes(self._body(), policy=policy.default))
            self._say("221 bye" if word == b"QUIT" else "250 ok")
            if word == b"QUIT":
                return

    def _body(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def running_mailbox() -> Iterator[Mailbox]:
    """Run a mail server."""
    with Mailbox() as mailbox:
        thread = threading.Thread(target=mailbox.serve_forever, daemon=True)
        thread.start()
        try:
            yield mailbox
        finally:
            mailbox.shutdown()
            thread.join()
