"""Where images come from: each is handed out once, to whichever thread asks next, and none once no further one may be begun."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import pairwise

from shoal_worker.rows.parts import ListedImage


class Intake:
    """Hands out the images until it is closed or its time is over; thread-safe.

    Args:
        images: In the order they are handed out.
        budget_s: Seconds from now on in which that is done.
        chance: Gives a number from 0 up to 1, for samples: another attempt takes another one, and none takes every second camera.
    """

    def __init__(
        self, images: Iterable[ListedImage], budget_s: float, chance: Callable[[], float] = random.random
    ) -> None:
        self._images = deque(images)
        self._lock = threading.Lock()
        self._deadline = time.monotonic() + budget_s
        self._closed = False
        self._chance = chance

    @property
    def closed(self) -> bool:
        """Whether no further image may be begun."""
        return self._closed or time.monotonic() >= self._deadline

    @property
    def left(self) -> int:
        """Images that were not handed out."""
        return len(self._images)

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True

    def take(self) -> ListedImage | None:
        """Take the next image; None when there is none, or none may be begun."""
        with self._lock:
            return None if self.closed or not self._images else self._images.popleft()

    def spread(self, count: int) -> list[ListedImage]:
        """Hand out next what lies evenly spread over all that is left: what is wrong with neighbours may end there.

        Returns:
            These images, `count` of them where so many are left. The last one of all is always among them.
        """
        with self._lock:
            left = list(self._images)
            count = min(count, len(left))
            bounds = [number * len(left) // count for number in range(count)]
            chosen = {low + int(self._chance() * (high - low)) for low, high in pairwise(bounds)} | {len(left) - 1}
            first = [left[place] for place in sorted(chosen) if left]
            self._images = deque([*first, *(image for place, image in enumerate(left) if place not in chosen)])
            return first
