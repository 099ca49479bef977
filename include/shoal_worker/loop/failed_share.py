"""When so many images fail that something else is wrong: judged by images from all over the shard, not by its first ones.

A card that was pulled out leaves a folder of broken files, and it may stand in front of a hundred thousand good ones.
"""

from shoal.contract.job import TOO_FEW_TO_JUDGE, failed_too_often
from shoal_worker.loop.pipeline import Intake
from shoal_worker.loop.tally import Tally


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
        self._before: tuple[int, int] | None = None
        """Failed and tried when the sample began; None before."""
        self._sample_is_good = False

    def too_many_failed(self) -> bool:
        """Whether the shard must end; looks elsewhere in it before it says so."""
        tally, tolerated = self._tally, self._tolerated
        if self._sample_is_good:
            return tally.failed > tolerated * tally.total
        if self._before is not None:
            failed, tried = tally.failed - self._before[0], tally.tried - self._before[1]
            if failed_too_often(failed, tried, tolerated):
                return True
            self._sample_is_good = tried >= TOO_FEW_TO_JUDGE
            return False
        if not failed_too_often(tally.failed, tally.tried, tolerated):
            return False
        if self._intake.left < TOO_FEW_TO_JUDGE:
            return True  # nothing to take a sample of; another attempt takes the few that are left
        self._before = tally.failed, tally.tried
        self._intake.spread(TOO_FEW_TO_JUDGE)
        return False
