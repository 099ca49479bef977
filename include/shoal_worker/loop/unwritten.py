"""The memory of rows that are in no part yet: nobody makes rows faster than they are written."""

import threading

from shoal_worker.rows.parts import MOST_UNWRITTEN_BYTES


class Unwritten:
    """Memory that rows hold from when they are made until a part has them; thread-safe."""

    def __init__(self) -> None:
        self._bytes = 0
        self._changed = threading.Condition()

    def add(self, size: int) -> None:
        """Note that so many bytes were made, or with a minus, written."""
        with self._changed:
            self._bytes += size
            self._changed.notify_all()

    @property
    def is_much(self) -> bool:
        """Whether no further rows ought to be made."""
        return self._bytes > MOST_UNWRITTEN_BYTES

    def wait(self, timeout_s: float) -> None:
        """Wait until some were written."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_much, timeout_s)
