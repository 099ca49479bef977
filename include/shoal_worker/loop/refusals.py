"""Images that the store refused to give, until it is known whose trouble that is: their own, or the login's."""

from shoal.stores.images import ImageMissing
from shoal_worker.examine import Examiner
from shoal_worker.loop.outcome import Refused
from shoal_worker.rows.parts import Row


class Refusals:
    """Those of one attempt at one shard.

    Args:
        examiner: Knows the login, and makes the rows.
    """

    def __init__(self, examiner: Examiner) -> None:
        self._examiner = examiner
        self._refused: list[Refused] = []

    def __bool__(self) -> bool:
        return bool(self._refused)

    def add(self, refused: Refused) -> None:
        """Keep one until then."""
        self._refused.append(refused)

    def settle(self) -> list[Row] | None:
        """Make their rows if the same login still reads an image that was read before; None if not, and they are kept.

        One that was not there has no row where it is by now, or where its disk went meanwhile.
        """
        login = self._examiner.login
        if not login.still_reads():
            return None
        settled = [
            one for one in self._refused if not isinstance(one.error, ImageMissing) or login.is_still_missing(one.image)
        ]
        if any(isinstance(one.error, ImageMissing) for one in settled) and not login.still_reads():
            return None
        self._refused = []
        return [self._examiner.denied(one.image, one.error) for one in settled]
