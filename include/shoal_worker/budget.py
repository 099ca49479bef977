"""What several threads may hold at once of one thing, such as pixels or bytes."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


class Budget:
    """Bounds what several threads hold at once, in any unit; one that needs more than all of it goes alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, amount: int) -> Iterator[ExitStack]:
        """Wait until `amount` fits, and hold it, beyond the end where somebody takes over what is given."""
        with self._changed:
            self._changed.wait_for(lambda: self._held == 0 or self._held + amount <= self._size)
            self._held += amount
        with ExitStack() as held:
            held.callback(self._give_back, amount)
            yield held

    def _give_back(self, amount: int) -> None:
        with self._changed:
            self._held -= amount
            self._changed.notify_all()
