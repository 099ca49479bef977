"""Addresses where a store should be, and what is there does not do what a store does."""

import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shoal.preflight.sample_run import SampleRun

BACKLOG_FILLERS = 8


def led_elsewhere(sample: SampleRun, **changes: str) -> SampleRun:
    """The same run, whose pods are told another way to the images: by the connection's key, for Airflow asks for none there."""
    stores = sample.stores
    source = object.__new__(type(stores.source))
    source.__dict__.update(stores.source.__dict__)
    source.access = dataclasses.replace(stores.source.access, **changes)
    source.located = dataclasses.replace(stores.source.located, **changes)
    keys = sample.plan.run_keys
    own = dataclasses.replace(keys, roles=tuple(role for role in keys.roles if role != "source"))
    return dataclasses.replace(
        sample, stores=dataclasses.replace(stores, source=source), plan=dataclasses.replace(sample.plan, run_keys=own)
    )


@contextmanager
def silent_store(address: str) -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server((address, 0), backlog=128) as server:
        yield _url(server)


@contextmanager
def packet_drop(address: str) -> Iterator[str]:
    """A port whose packets are dropped: the kernel drops what comes to a full queue that nobody accepts from."""
    with socket.create_server((address, 0), backlog=0) as server:
        fillers = [socket.socket() for _ in range(BACKLOG_FILLERS)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                with suppress(BlockingIOError):
                    filler.connect(server.getsockname())
            yield _url(server)
        finally:
            for filler in fillers:
                filler.close()


class _SlowLink:
    """A connection through which the answer to a directory's listing comes late."""

    def __init__(self, client: socket.socket, store: socket.socket, delay_s: float) -> None:
        self.client, self.store, self.delay_s, self.until_s = client, store, delay_s, 0.0
        for direction in (self._ask, self._answer):
            threading.Thread(target=direction, daemon=True).start()

    def _ask(self) -> None:
        with suppress(OSError), self.client, self.store:
            while data := self.client.recv(65536):
                if b"delimiter=" in data.partition(b"\r\n")[0]:
                    self.until_s = time.monotonic() + self.delay_s
                self.store.sendall(data)

    def _answer(self) -> None:
        with suppress(OSError), self.client, self.store:
            while data := self.store.recv(65536):
                time.sleep(max(0.0, self.until_s - time.monotonic()))
                self.client.sendall(data)


@contextmanager
def slow_lister(address: str, store: tuple[str, int], delay_s: float) -> Iterator[str]:
    """The store itself, but a listing of a directory takes its time, as tens of thousands of keys on a slow disk do."""
    with socket.create_server((address, 0), backlog=128) as server:
        threading.Thread(target=_serve, args=(server, store, delay_s), daemon=True).start()
        yield _url(server)


def _serve(server: socket.socket, store: tuple[str, int], delay_s: float) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            _SlowLink(client, socket.create_connection(store), delay_s)


def _url(server: socket.socket) -> str:
    host, port = server.getsockname()
    return f"http://{host}:{port}"
