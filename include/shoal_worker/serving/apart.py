"""One image after another, in processes that it may end: which image is to blame, and what its client is told."""

import hashlib
import json
import logging
import time
from dataclasses import dataclass

from shoal.contract.errors import ModelRefusedError, ServiceError
from shoal.contract.rows import Reason, Status
from shoal_worker.answered import answer_line
from shoal_worker.serving.processes import Drawer, EndedError, Looker
from shoal_worker.serving.told import JPEG, Told, error, found

TRIES = 2
"""An image is blamed when it ended two processes, each of them after a blank image: as in a run."""

MOST_REMEMBERED = 1000
"""Images that are known to end whoever looks at them."""

log = logging.getLogger(__name__)


@dataclass
class Wanted:
    """One image that a client sent.

    Attributes:
        image: What the client calls it.
        data: Its bytes.
        draw: Whether a picture is wanted.
        deadline: When it must be answered, on the monotonic clock.
        begun: Whether its turn has come.
    """

    image: str
    data: bytes | bytearray
    draw: bool
    deadline: float
    begun: bool = False

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self.deadline - time.monotonic()


class Apart:
    """Answers one image after another; all of it but `told`, `ready` and `trouble` is one thread's.

    Args:
        looker: Looks.
        drawer: Draws.
        deadline_s: Seconds that an image may take in all, for people to read.
    """

    def __init__(self, looker: Looker, drawer: Drawer, deadline_s: float) -> None:
        self.looker = looker
        self._drawer = drawer
        self._deadline_s = deadline_s
        self._killers: dict[str, str] = {}
        self.trouble = 0
        """How often in a row no process could be started."""
        self.seconds = 1.0
        """What an image takes, about: for clients that are told to come back."""

    def revive(self) -> None:
        """Start what has ended, and leave it where that fails: the next image, or a probe, tells."""
        try:
            self.looker.start()
            self.trouble = 0
        except (ModelRefusedError, ServiceError) as err:
            self.trouble += 1
            log.error("%s", err)  # noqa: TRY400 - one line says it

    def answer(self, wanted: Wanted) -> Told:
        """Look at an image, and draw what was found where that is wanted."""
        told = self._look(wanted)
        if told.code != 200 or not wanted.draw:
            return told
        drawn = self._drawer.draw(
            json.loads(told.body), self.looker.told["names"], wanted.data, max(0.0, wanted.left_s)
        )
        if isinstance(drawn, str):
            return error(503, f"No picture: {drawn} - ask for application/json")
        return Told(200, drawn, JPEG)

    def _look(self, wanted: Wanted) -> Told:
        if self._killers and (how := self._killers.get(_sha256(wanted.data))):
            return self._killed(wanted, how)
        how = ""
        for _ in range(TRIES):
            told = self._try(wanted)
            if isinstance(told, Told):
                return told
            log.warning("%r ended the process that looked at it: %s", wanted.image, how := told)
        return self._blame(wanted, how)

    def _try(self, wanted: Wanted) -> Told | str:
        """Look at an image once; how it crashed the process, where it did."""
        self.revive()
        if not self.looker.ready:
            return error(503, "Nothing looks at images at the moment - try again later", Retry_After="10")
        began, left_s = time.monotonic(), wanted.left_s
        if left_s <= 0:
            return self.late(wanted)
        try:
            said, lines = self.looker.look(wanted.image, wanted.data, left_s)
        except TimeoutError:
            return self._late(wanted, 504, "was not looked at")
        except EndedError as err:
            words = f"The process that looked at it has ended ({err}) - send it again"
            return err.crashed or error(503, words, Retry_After="1")
        self.seconds += 0.2 * (time.monotonic() - began - self.seconds)
        return found(lines[0]) if lines else error(503, str(said.get("failed")))

    def late(self, wanted: Wanted) -> Told:
        """Tell that an image waited in vain."""
        return self._late(wanted, 503, "did not have its turn")

    def _late(self, wanted: Wanted, code: int, what: str) -> Told:
        who = f"{wanted.image or 'The image'} {what} within {self._deadline_s:g} s"
        return error(code, f"{who} - send fewer at once, or serve with a longer --deadline", Retry_After="10")

    def _blame(self, wanted: Wanted, how: str) -> Told:
        if len(self._killers) >= MOST_REMEMBERED:
            del self._killers[next(iter(self._killers))]
        self._killers[_sha256(wanted.data)] = how
        return self._killed(wanted, how)

    def _killed(self, wanted: Wanted, how: str) -> Told:
        line = answer_line(wanted.image, self.looker.column, Status.FAILED, reason=Reason.KILLED_WORKER, detail=how)
        return found(line.encode("utf-8", "surrogatepass"))

    def end(self) -> None:
        """End both processes."""
        self.looker.end()
        self._drawer.end()


def _sha256(data: bytes | bytearray) -> str:
    return hashlib.sha256(data).hexdigest()
