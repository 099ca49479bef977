"""Seconds that a session of DuckDB may take: what it does then is stopped, and what it begins after that, too."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

_STOP_AGAIN_S = 0.1


@contextmanager
def stopped_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Stop what a session does after some time, and whatever it begins then."""
    done = threading.Event()

    def stop() -> None:
        wait_s = seconds
        while not done.wait(wait_s):
            connection.interrupt()
            wait_s = _STOP_AGAIN_S

    stopper = threading.Thread(target=stop, name="shoal-deadline", daemon=True)
    stopper.start()
    try:
        yield
    finally:
        done.set()
        stopper.join()
