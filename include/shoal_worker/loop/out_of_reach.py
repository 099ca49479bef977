"""When so many images are out of reach that the store is down: judged by images from all over the shard, not by neighbours.

A folder that the login may not read, or on a disk of the store's that is broken, says nothing of the images behind it.
"""

from shoal_worker.loop.pipeline import Intake
from shoal_worker.rows.parts import ListedImage

IN_A_ROW = 20
"""So many images unreachable one after another: perhaps the store is down, perhaps a folder is."""

ELSEWHERE = 8
"""So many more, from all over the shard, must be unreachable too: a folder that the store cannot read blocks no other."""


class OutOfReach:
    """The judge of one attempt at one shard.

    Args:
        intake: Hands out the images.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._in_a_row = 0
        self._elsewhere = 0
        self._sample: frozenset[ListedImage] = frozenset()

    def add(self, image: ListedImage) -> bool:
        """Count an image without a row; return whether it is time to ask if the login is still good."""
        self._in_a_row += 1
        # What was on its way when the sample was taken are neighbours of those before: it says nothing of other folders.
        self._elsewhere += (is_elsewhere := image in self._sample)
        return self._in_a_row == IN_A_ROW or (is_elsewhere and self.is_everything)

    def reached(self) -> None:
        """Begin anew: something was read."""
        self._in_a_row, self._elsewhere, self._sample = 0, 0, frozenset()

    def look_elsewhere(self) -> None:
        """Have images from all over the shard tried next, once enough neighbours were out of reach."""
        if self._in_a_row == IN_A_ROW:
            self._sample = frozenset(self._intake.spread(ELSEWHERE))

    @property
    def is_everything(self) -> bool:
        """Whether images from all over the shard are out of reach."""
        return self._elsewhere >= ELSEWHERE
