"""When so many images are out of reach that the store is down: judged by images from all over the shard, not by neighbours.

A folder that the login may not read, or on a disk of the store's that is broken, says nothing of the images behind it. Nor does
a store that is started anew: reads at once fail at once, so the more there are, the more of them are asked to tell.
"""

from collections.abc import Callable

from shoal_worker.loop.fetch_ahead import FETCHERS
from shoal_worker.loop.intake import Intake
from shoal_worker.rows.parts import ListedImage

IN_A_ROW = 20
"""So many images unreachable one after another: perhaps the store is down, perhaps a folder is. Five for each read at once."""

ELSEWHERE = 8
"""So many more, from all over the shard, must be unreachable too: a folder that the store cannot read blocks no other. Two for
each read at once."""


class OutOfReach:
    """The judge of one attempt at one shard.

    Args:
        intake: Hands out the images.
        reads_at_once: How many images are read at once by now.
    """

    def __init__(self, intake: Intake, reads_at_once: Callable[[], int] = lambda: FETCHERS) -> None:
        self._intake = intake
        self._reads_at_once = reads_at_once
        self._in_a_row = 0
        self._elsewhere = 0
        self._needed = ELSEWHERE
        self._looked = False
        self._sample: frozenset[ListedImage] = frozenset()

    def add(self, image: ListedImage) -> bool:
        """Count an image without a row; return whether it is time to ask if the login is still good."""
        self._in_a_row += 1
        # What was on its way when the sample was taken are neighbours of those before: it says nothing of other folders.
        self._elsewhere += (is_elsewhere := image in self._sample)
        return self._is_time_to_look or (is_elsewhere and self.is_everything)

    def reached(self) -> None:
        """Begin anew: something was read."""
        self._in_a_row, self._elsewhere, self._looked, self._sample = 0, 0, False, frozenset()

    def look_elsewhere(self) -> None:
        """Have images from all over the shard tried next, once enough neighbours were out of reach."""
        if self._is_time_to_look:
            self._looked, self._needed = True, self._for_each_read(ELSEWHERE)
            self._sample = frozenset(self._intake.spread(self._needed))

    @property
    def is_everything(self) -> bool:
        """Whether images from all over the shard are out of reach."""
        return self._elsewhere >= self._needed

    @property
    def _is_time_to_look(self) -> bool:
        return not self._looked and self._in_a_row >= self._for_each_read(IN_A_ROW)

    def _for_each_read(self, of_four: int) -> int:
        return max(of_four, of_four * self._reads_at_once() // FETCHERS)
