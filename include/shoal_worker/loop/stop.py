"""SIGTERM and SIGINT: a pod has seconds to leave, and its rows must be written in them."""

import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from shoal.contract.exit_codes import WorkerExit

LEAVE_WITHIN_S = 4.5
"""The process ends this long after the signal, whatever it hangs in."""


class StopRequest:
    """Notes that the worker was told to stop, and sees to it that it does."""

    def __init__(self) -> None:
        self.signal_name: str | None = None
        self._bell: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._listeners: list[Callable[[], None]] = []

    @property
    def requested(self) -> bool:
        """Whether a signal came, or the worker has a reason of its own."""
        return self.signal_name is not None

    def install(self) -> None:
        """Take over both signals; only the main thread can."""
        threading.Thread(target=self._watch, name="stop", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def listen(self, listener: Callable[[], None]) -> None:
        """Have `listener` called on the signal, from another thread; at once if it came already."""
        self._listeners.append(listener)
        if self.requested:
            listener()

    def request(self, because: str) -> None:
        """Stop as on a signal, for a reason of our own."""
        self.signal_name = because
        self._bell.put(0)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        # Nothing but an assignment and a reentrant put: the handler may have interrupted a holder of any lock.
        self.signal_name = signal.Signals(number).name
        self._bell.put(number)

    def _watch(self) -> None:
        self._bell.get()
        for listener in self._listeners:
            listener()
        time.sleep(LEAVE_WITHIN_S)
        line = f"Stopped by {self.signal_name}: the store did not take the last part within {LEAVE_WITHIN_S} s\n"
        os.write(2, line.encode())
        os._exit(WorkerExit.STOPPED)
