"""What is done every so many seconds."""

import time


class Every:
    """Says when the next time has come.

    Args:
        interval_s: Seconds between two times.
        first_s: Seconds until the first one; from it the pauses double up to the interval.
    """

    def __init__(self, interval_s: float, first_s: float | None = None) -> None:
        self._interval_s = interval_s
        self._pause_s = min(first_s or interval_s, interval_s)
        self._next = time.monotonic() + self._pause_s

    @property
    def wait_s(self) -> float:
        """Seconds until then, 0 when it has come."""
        return max(self._next - time.monotonic(), 0.0)

    def due(self) -> bool:
        """Whether it has come; if so, waits for the next one."""
        if self.wait_s > 0:
            return False
        self._pause_s = min(2 * self._pause_s, self._interval_s)
        self._next = time.monotonic() + self._pause_s
        return True
