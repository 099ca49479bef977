"""The loop over one shard: counts what comes out of the pipeline, writes parts, and decides when to end."""

import logging
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass

from shoal.contract.errors import ConfigError, StoreError, shown
from shoal.contract.exit_codes import WorkerExit, exit_of
from shoal.contract.rows import Status
from shoal.contract.units import agreed, counted
from shoal_worker.loop.failed_share import FailedShare
from shoal_worker.loop.out_of_reach import OutOfReach
from shoal_worker.loop.pipeline import (
    BrokeOff,
    Checkpoint,
    Fatal,
    Finished,
    Intake,
    Outcome,
    Pipeline,
    Refused,
    Unreached,
)
from shoal_worker.loop.progress import INTERVAL_S, Progress
from shoal_worker.loop.stop import StopRequest
from shoal_worker.loop.tally import Tally
from shoal_worker.rows.parts import ListedImage, PartWriter, Row
from shoal_worker.sources.mount_doubt import MountDoubt
from shoal_worker.underway import Step

log = logging.getLogger(__name__)

STALL_S = 600.0
"""Nothing fetched for so long while nothing is decoded or inferred: a read hangs that no timeout ends, as on a dead mount."""

LAST_WRITE_PAUSES_S = (2.0, 4.0, 8.0, 16.0)
"""Waits before the last part is tried again: minutes of work are worth a restart of the store."""


NEVER_READY = "see the service's log, or give it a longer worker.service.start_timeout"
_TRIED_ALONE = "the next attempt tries it alone; if the same happens again, it is failed"


@dataclass(frozen=True)
class Limits:
    """When a shard writes, speaks and ends.

    Attributes:
        budget_s: Seconds after the start at which no further image is begun.
        part_interval_s: Seconds between two parts.
        tolerated_failed_share: More `failed` than this share of the images ends the shard, see `FailedShare`.
        progress_interval_s: Seconds between two progress lines.
        last_write_pauses_s: Waits before the last part is tried again.
        stall_s: Seconds without anything fetched after which the source is taken for dead.
    """

    budget_s: float
    part_interval_s: float
    tolerated_failed_share: float
    progress_interval_s: float = 30.0
    last_write_pauses_s: tuple[float, ...] = LAST_WRITE_PAUSES_S
    stall_s: float = STALL_S


@dataclass(frozen=True)
class Ending:
    """How a worker ends.

    Attributes:
        exit: The exit code.
        reason: One line; empty when all is well.
    """

    exit: WorkerExit
    reason: str = ""


FIRST_PROGRESS_S = 1.0
"""A person who watches sees at once that it goes on; a log of hours is not flooded."""


class Every:
    """Says when the next time has come.

    Args:
        interval_s: Seconds between two times.
        first_s: Seconds until the first one; from it the pauses double up to the interval.
    """

    def __init__(self, interval_s: float, first_s: float | None = None) -> None:
        self._interval_s = interval_s
        self._pause_s = min(first_s or interval_s, interval_s)
        self._next = time.monotonic() + self._pause_s

    @property
    def wait_s(self) -> float:
        """Seconds until then, 0 when it has come."""
        return max(self._next - time.monotonic(), 0.0)

    def due(self) -> bool:
        """Whether it has come; if so, waits for the next one."""
        if self.wait_s > 0:
            return False
        self._pause_s = min(2 * self._pause_s, self._interval_s)
        self._next = time.monotonic() + self._pause_s
        return True


class ShardRun:
    """One attempt at one shard."""

    def __init__(
        self,
        pipeline: Pipeline,
        intake: Intake,
        parts: PartWriter,
        tally: Tally,
        limits: Limits,
        *,
        doubt: MountDoubt | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Nothing is begun yet.

        `doubt` judges a mount that gives nothing, where images are read from one; `progress` is told for people who watch.
        """
        self._pipeline = pipeline
        self._intake = intake
        self._parts = parts
        self._tally = tally
        self._limits = limits
        self._doubt = doubt
        self._progress = progress
        self._started = self._last_outcome = time.monotonic()
        self._last_error = ""
        self._refused: list[Refused] = []
        self._out_of_reach = OutOfReach(intake, lambda: pipeline.ahead.fetchers)
        self._failed_share = FailedShare(intake, tally, limits.tolerated_failed_share)

    def run(self, stop: StopRequest, say: Callable[[str], None]) -> Ending:
        """Examine the images until the end, a limit or a signal; what has a row by then is in a part."""
        self._tell_progress()
        try:
            ending = self._run(stop, say)
        except Exception as err:
            self._tell_progress(Ending(exit_of(err)))
            raise
        self._tell_progress(ending)
        return ending

    def _run(self, stop: StopRequest, say: Callable[[str], None]) -> Ending:
        self._pipeline.start()
        ending = self._work(stop, say)
        self._intake.close()
        self._take_what_is_there(stop)
        self._settle_refused(stop)
        ending = self._write_last_part(ending, stop)
        if ending.exit is WorkerExit.DONE and self._tally.unreached:
            ending = self._unreached_ending()
        say(self._tally.story(time.monotonic() - self._started))
        return ending

    def _tell_progress(self, ending: Ending | None = None) -> None:
        if self._progress is not None:
            budget_left_s = self._limits.budget_s - (time.monotonic() - self._started)
            ended = None if ending is None else ending.exit.name.lower()
            self._progress.say(self._tally, budget_left_s, ended, self._pipeline.ahead.share("note"))
            if ending is not None:
                self._progress.close()

    def _work(self, stop: StopRequest, say: Callable[[str], None]) -> Ending:
        part, progress = Every(self._limits.part_interval_s), Every(self._limits.progress_interval_s, FIRST_PROGRESS_S)
        told = Every(INTERVAL_S, FIRST_PROGRESS_S)
        while True:
            look_s = self._doubt.look_s if self._doubt else self._limits.stall_s
            outcome = self._next_outcome(min(part.wait_s, progress.wait_s, told.wait_s, self._limits.stall_s, look_s))
            if outcome is not None:
                self._count(outcome, stop)
            ending = self._ending(outcome, stop)
            if ending is None and (part.due() or self._parts.is_full or isinstance(outcome, Checkpoint)):
                ending = self._write_part()
            if ending is not None:
                return ending
            if isinstance(outcome, Checkpoint):
                outcome.done.set()
            if progress.due():
                seconds = time.monotonic() - self._started
                slow = self._pipeline.ahead.tell()
                say(self._tally.progress(seconds, self._limits.budget_s - seconds) + (f"; {slow}" if slow else ""))
            if told.due():
                self._tell_progress()

    def _next_outcome(self, timeout_s: float) -> Outcome | None:
        try:
            return self._pipeline.outcomes.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _count(self, outcome: Outcome, stop: StopRequest) -> None:
        self._last_outcome = time.monotonic()
        if isinstance(outcome, Row):
            self._take(outcome)
            if outcome.status is not Status.DENIED:  # a name that cannot be asked for says nothing of the store
                self._out_of_reach.reached()
        elif isinstance(outcome, Unreached | Refused):
            self._tally.unreached += 1
            self._failed_share.leave_out(outcome.image)
            if isinstance(outcome, Refused):
                self._refused.append(outcome)
            if self._out_of_reach.add(outcome.image):
                self._settle_refused(stop)
                self._out_of_reach.look_elsewhere()
            self._last_error = str(outcome.error)
            log.warning("%r has no row: %s", outcome.image.key, outcome.error)

    def _take(self, row: Row) -> None:
        self._tally.add(row)
        self._parts.add(row)
        self._failed_share.add(row)

    def _settle_refused(self, stop: StopRequest) -> None:
        """Give refused images their rows where the login is still good: else one wrong key would deny a million images."""
        if (
            not self._refused or stop.requested
        ):  # a worker that is told to stop has seconds, and the read may take minutes
            return
        self._write_part()  # the signal may come while it waits
        rows = self._pipeline.settle_refused(self._refused)
        if rows is None:
            return
        for row in rows:
            self._tally.unreached -= 1
            self._take(row)
        self._refused = []
        self._out_of_reach.reached()

    def _ending(self, outcome: Outcome | None, stop: StopRequest) -> Ending | None:
        """Judge whether the shard ends here, and how."""
        if stop.requested:
            return Ending(WorkerExit.STOPPED, f"Stopped by {stop.signal_name} - the images left are open")
        if isinstance(outcome, Finished):
            return Ending(WorkerExit.DONE)
        if isinstance(outcome, BrokeOff):
            return Ending(WorkerExit.HELD, f"{outcome.how}: {_tell(outcome.image)} - {_TRIED_ALONE}")
        if isinstance(outcome, Fatal):
            if isinstance(outcome.error, ConfigError):
                return Ending(WorkerExit.CONFIG, str(outcome.error))
            self._write_last_part(Ending(WorkerExit.DONE), stop)
            raise outcome.error
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
        if (overdue := self._pipeline.underway.overdue()) is None:
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
            return self._unreached_ending()
        underway = self._pipeline.underway
        if not underway.is_idle:  # what is decoded or inferred has limits of its own
            return None
        came_last, story = max(self._last_outcome, underway.last_change), ""
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

    def _write_part(self) -> Ending | None:
        """Write a part between two others; the rows wait for the next one where the store fails."""
        try:
            self._write()
        except StoreError as err:
            log.warning("%s rows wait for the next part: %s", self._parts.unwritten, err)
        except ConfigError as err:
            return Ending(WorkerExit.CONFIG, str(err))
        return None

    def _write(self) -> None:
        before = self._parts.unwritten_bytes
        try:
            self._parts.write()
        finally:  # of several parts some may be written
            self._pipeline.unwritten.add(self._parts.unwritten_bytes - before)

    def _take_what_is_there(self, stop: StopRequest) -> None:
        """Keep what was finished while the end was decided."""
        while (outcome := self._next_outcome(0)) is not None:
            self._count(outcome, stop)

    def _write_last_part(self, ending: Ending, stop: StopRequest) -> Ending:
        """Write what is left, patiently; a store that stays away turns any ending into a failed one."""
        for pause_s in (*self._limits.last_write_pauses_s, None):
            try:
                self._write()
            except ConfigError as err:
                return Ending(WorkerExit.CONFIG, str(err))
            except StoreError as err:
                if pause_s is None or stop.requested:
                    lost = self._parts.unwritten
                    return Ending(
                        WorkerExit.INFRASTRUCTURE, f"{lost} {'row is' if lost == 1 else 'rows are'} lost: {err}"
                    )
                time.sleep(pause_s)
            else:
                break
        return ending

    def _unreached_ending(self) -> Ending:
        unreached = self._tally.unreached
        return Ending(
            WorkerExit.INFRASTRUCTURE,
            f"{counted(unreached, 'image')} of shard {self._tally.shard} {agreed(unreached, 'have')} no row because store, mount "
            f"or memory failed - a retry takes {'it' if unreached == 1 else 'them'}; the last said: {self._last_error}",
        )


def _tell(image: ListedImage) -> str:
    return f"{shown(image.key)!r} ({image.size_bytes:,} bytes)"
