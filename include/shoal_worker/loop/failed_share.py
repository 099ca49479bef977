"""When so many images fail that something else is wrong: judged by images from all over the shard, not by its first ones.

A card that was pulled out leaves a folder of broken files, and it may stand in front of a hundred thousand good ones.
"""

from shoal.contract.failed_share import TOO_FEW_TO_JUDGE, failed_too_often
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.tally import Tally
from shoal_worker.rows.parts import ListedImage, Row


class FailedShare:
    """The judge of one attempt at one shard.

    Args:
        intake: Hands out the images.
        tally: Counts what became of them.
        tolerated: More `failed` than this share of the tried ones asks for a sample, and of the sample ends the shard.
    """

    def __init__(self, intake: Intake, tally: Tally, tolerated: float) -> None:
        self._intake = intake
        self._tally = tally
        self._tolerated = tolerated
        self._awaited: set[tuple[str, str]] | None = None
        """Images of the sample that nothing is known of yet; None before there is a sample."""
        self._sample_size = TOO_FEW_TO_JUDGE
        self._sampled = Tally(tally.shard, 0)
        """What became of the others; images that were on their way when it was taken are neighbours and do not count."""

    def add(self, row: Row) -> None:
        """Count a row where it is one of the sample."""
        if self._awaited and (image := (row.key, row.object_version)) in self._awaited:
            self._awaited.remove(image)
            self._sampled.add(row)

    def leave_out(self, image: ListedImage) -> None:
        """Judge without an image that got no row."""
        if self._awaited:
            self._awaited.discard((image.key, image.object_version))

    def too_many_failed(self) -> bool:
        """Whether the shard must end; looks elsewhere in it before it says so."""
        tally, tolerated = self._tally, self._tolerated
        if self._awaited is not None:
            return not self._awaited and self._sample_is_bad()
        if not failed_too_often(tally.failed, tally.tried, tolerated):
            return False
        if tally.total - tally.rows - tally.unreached < TOO_FEW_TO_JUDGE:  # those on their way are left, too
            return True  # nothing to take a sample of; another attempt takes the few that are left
        self._take_sample()
        return False

    def _take_sample(self) -> None:
        sample = self._intake.spread(self._sample_size)
        self._awaited = {(image.key, image.object_version) for image in sample}
        self._sample_size *= 2  # in a bucket of few images and much else, a small one after the other would never end

    def _sample_is_bad(self) -> bool:
        """Whether too many of the sample failed, or by now of all; takes more where it has too few images to judge by."""
        sampled, tally, tolerated = self._sampled, self._tally, self._tolerated
        if sampled.tried < TOO_FEW_TO_JUDGE and self._intake.left:
            self._take_sample()
            return False
        return failed_too_often(sampled.failed, sampled.tried, tolerated) or tally.failed > tolerated * tally.total
