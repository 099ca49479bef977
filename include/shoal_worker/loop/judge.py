"""Whether an attempt at a shard ends, why, and what its reason says."""

import time

from shoal.contract.errors import ConfigError, shown
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.units import agreed, counted
from shoal_worker.loop.ending import Ending, Limits
from shoal_worker.loop.failed_share import FailedShare
from shoal_worker.loop.out_of_reach import OutOfReach
from shoal_worker.loop.outcome import BrokeOff, Fatal, Finished, Outcome, Refused, Unreached
from shoal_worker.loop.stop import StopRequest
from shoal_worker.loop.tally import Tally
from shoal_worker.rows.parts import ListedImage
from shoal_worker.sources.mount_doubt import MountDoubt
from shoal_worker.underway import Step, Underway

NEVER_READY = "see the service's log, or give it a longer worker.service.start_timeout"
_TRIED_ALONE = "the next attempt tries it alone; if the same happens again, it is failed"


class Judge:
    """The judge of one attempt at one shard, asked after each outcome and where none comes.

    Args:
        limits: What the attempt keeps to.
        tally: What became of the images.
        underway: What is decoded and inferred right now.
        failed_share: Tells when too many images failed.
        out_of_reach: Tells when the store is down.
        doubt: Judges a mount that gives nothing, where images are read from one.
    """

    def __init__(
        self,
        limits: Limits,
        tally: Tally,
        underway: Underway,
        *,
        failed_share: FailedShare,
        out_of_reach: OutOfReach,
        doubt: MountDoubt | None,
    ) -> None:
        self._limits = limits
        self._tally = tally
        self._underway = underway
        self._failed_share = failed_share
        self._out_of_reach = out_of_reach
        self._doubt = doubt
        self._last_outcome = time.monotonic()
        self._last_error = ""

    @property
    def look_s(self) -> float:
        """Seconds after which it is to be asked, though nothing came."""
        return min(self._limits.stall_s, self._doubt.look_s if self._doubt else self._limits.stall_s)

    def hear(self, outcome: Outcome) -> None:
        """Note that something came, and what was said last of an image without a row."""
        self._last_outcome = time.monotonic()
        if isinstance(outcome, Unreached | Refused):
            self._last_error = str(outcome.error)

    def ending(self, outcome: Outcome | None, stop: StopRequest) -> Ending | None:
        """Judge whether the shard ends here, and how."""
        if stop.requested:
            return Ending(WorkerExit.STOPPED, f"Stopped by {stop.signal_name} - the images left are open")
        if isinstance(outcome, Finished):
            return Ending(WorkerExit.DONE)
        if isinstance(outcome, BrokeOff):
            return Ending(WorkerExit.HELD, f"{outcome.how}: {_tell(outcome.image)} - {_TRIED_ALONE}")
        if isinstance(outcome, Fatal) and isinstance(outcome.error, ConfigError):
            return Ending(WorkerExit.CONFIG, str(outcome.error))
        if self._failed_share.too_many_failed():
            tally = self._tally
            return Ending(
                WorkerExit.TOO_MANY_FAILED,
                f"{tally.failed} of {tally.tried} images of shard {tally.shard} failed, tolerated are "
                f"{self._limits.tolerated_failed_share:.0%} - look at their reasons, and at what else lies in the bucket",
            )
        return self._held_ending() or self._bad_store_ending()

    def _held_ending(self) -> Ending | None:
        """End where native code does not come back: only the end of the process ends it, and gives back what it holds."""
        if (overdue := self._underway.overdue()) is None:
            return None
        work, limit = overdue
        if not work.image.key:  # the blank image that comes before all careful attempts
            if work.step is Step.WAIT:
                said = f"The service did not begin to answer within {limit} - {NEVER_READY}"
                return Ending(WorkerExit.INFRASTRUCTURE, said)
            way_out = "give the worker more CPU (cluster.pod.cpu), or the model a smaller imgsz"
            if work.step is Step.ASK:
                way_out = "see the service's log, or give it a longer worker.service.timeout"
            return Ending(WorkerExit.INFRASTRUCTURE, f"A blank image took more than {limit} - {way_out}")
        with_it = f" and {counted(work.others, 'other')} with it" if work.others else ""
        said = f"{work.step} took more than {limit}: {_tell(work.image)}{with_it} - {_TRIED_ALONE}"
        return Ending(WorkerExit.HELD, said)

    def _bad_store_ending(self) -> Ending | None:
        if self._out_of_reach.is_everything:
            return self.unreached_ending()
        if not self._underway.is_idle:  # what is decoded or inferred has limits of its own
            return None
        came_last, story = max(self._last_outcome, self._underway.last_change), ""
        if self._doubt is not None:
            came_last = max(came_last, self._doubt.last_byte_s)
            if hangs := self._doubt.find_hang(time.monotonic() - came_last):
                return Ending(WorkerExit.INFRASTRUCTURE, hangs)
            story = self._doubt.story
        silent_s = time.monotonic() - came_last
        if silent_s < self._limits.stall_s:
            return None
        return Ending(
            WorkerExit.INFRASTRUCTURE,
            f"Nothing was fetched for {self._limits.stall_s:.0f} s{story} - check the store, or the bucket sidecar's log",
        )

    def unreached_ending(self) -> Ending:
        """Say that images are left without a row, and that a retry takes them."""
        unreached = self._tally.unreached
        return Ending(
            WorkerExit.INFRASTRUCTURE,
            f"{counted(unreached, 'image')} of shard {self._tally.shard} {agreed(unreached, 'have')} no row because store, mount "
            f"or memory failed - a retry takes {'it' if unreached == 1 else 'them'}; the last said: {self._last_error}",
        )


def _tell(image: ListedImage) -> str:
    return f"{shown(image.key)!r} ({image.size_bytes:,} bytes)"
