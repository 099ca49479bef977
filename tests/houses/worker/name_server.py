"""A name server that knows one name, fails for a while, and is asked by the processes that are told to."""

import ipaddress
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PORT = 53
_FAILED, _UNKNOWN = b"\x81\x82", b"\x81\x83"
_GOOD = b"\x81\x80"
_A = 1


class NameServer:
    """Answers with the address of one name.

    Attributes:
        fails: Whether it says SERVFAIL instead, as one does that has lost the servers above it.
        asked: How many questions came.
    """

    def __init__(self, name: str, address: str) -> None:
        self._name, self._address = name, ipaddress.ip_address(address).packed
        self.fails: Callable[[], bool] = lambda: False
        self.asked = 0
        self.failed = 0

    def answer(self, question: bytes) -> bytes:
        """Answer one packet."""
        self.asked += 1
        name, end = _read_name(question)
        asked, kind = question[12 : end + 4], struct.unpack(">H", question[end : end + 2])[0]
        if self.fails():
            self.failed += 1
            return question[:2] + _FAILED + b"\0\1\0\0\0\0\0\0" + asked
        if name != self._name:
            return question[:2] + _UNKNOWN + b"\0\1\0\0\0\0\0\0" + asked
        if kind != _A:
            return question[:2] + _GOOD + b"\0\1\0\0\0\0\0\0" + asked
        record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + self._address
        return question[:2] + _GOOD + b"\0\1\0\1\0\0\0\0" + asked + record


def _read_name(question: bytes) -> tuple[str, int]:
    place, labels = 12, []
    while length := question[place]:
        labels.append(question[place + 1 : place + 1 + length].decode())
        place += length + 1
    return ".".join(labels).lower(), place + 1


@contextmanager
def name_server(name: str, address: str, listens: str) -> Iterator[NameServer]:
    """Run one; a test that may not skips.

    Args:
        name: What it knows.
        address: Where that is.
        listens: The address of this machine that it is asked at.
    """
    server = NameServer(name, address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            line.bind((listens, PORT))
        except OSError as err:
            pytest.skip(f"names that are not resolved are not tested: no name server at {listens} ({err.strerror})")
        line.settimeout(0.1)
        over = threading.Event()
        thread = threading.Thread(target=_serve, args=(line, server, over), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            over.set()
            thread.join()


def _serve(line: socket.socket, server: NameServer, over: threading.Event) -> None:
    while not over.is_set():
        with suppress(TimeoutError):
            question, who = line.recvfrom(2048)
            line.sendto(server.answer(question), who)


def asking(listens: str, folder: Path, words: Sequence[str]) -> list[str]:
    """Write a command whose process asks this name server and no other; only root may run it."""
    if os.geteuid() != 0:
        pytest.skip("names that are not resolved are not tested: only root gives a process another resolv.conf")
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {listens}\noptions timeout:10 attempts:1\n", encoding="utf-8")
    enter = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", enter, str(resolver), *words]
