"""The loop over one shard: counts what comes out of the pipeline, has parts written, and ends when the judge says so."""

import logging
import queue
import time
from collections.abc import Callable

from shoal.contract.errors import ConfigError
from shoal.contract.exit_codes import WorkerExit, exit_of
from shoal.contract.rows import Status
from shoal_worker.loop.ending import Ending, Limits
from shoal_worker.loop.every import Every
from shoal_worker.loop.failed_share import FailedShare
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.judge import Judge
from shoal_worker.loop.out_of_reach import OutOfReach
from shoal_worker.loop.outcome import Checkpoint, Fatal, Outcome, Refused, Unreached
from shoal_worker.loop.patient_writer import PatientWriter
from shoal_worker.loop.pipeline import Pipeline
from shoal_worker.loop.progress import INTERVAL_S, Progress
from shoal_worker.loop.refusals import Refusals
from shoal_worker.loop.stop import StopRequest
from shoal_worker.loop.tally import Tally
from shoal_worker.rows.parts import PartWriter, Row
from shoal_worker.sources.mount_doubt import MountDoubt

log = logging.getLogger(__name__)

FIRST_PROGRESS_S = 1.0
"""A person who watches sees at once that it goes on; a log of hours is not flooded."""


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
        self._progress = progress
        self._started = time.monotonic()
        self._writer = PatientWriter(parts, pipeline.unwritten, limits.last_write_pauses_s)
        self._refusals = Refusals(pipeline.examiner)
        self._out_of_reach = OutOfReach(intake, lambda: pipeline.ahead.fetchers)
        self._failed_share = FailedShare(intake, tally, limits.tolerated_failed_share)
        self._judge = Judge(
            limits,
            tally,
            pipeline.underway,
            failed_share=self._failed_share,
            out_of_reach=self._out_of_reach,
            doubt=doubt,
        )

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
        """Work until the end is decided; then begin no further image, count what is finished, and write the last part."""
        self._pipeline.start()
        ending = self._work(stop, say)
        self._intake.close()
        self._take_what_is_there(stop)
        self._settle_refused(stop)
        ending = self._writer.write_last(ending, stop)
        if ending.exit is WorkerExit.DONE and self._tally.unreached:
            ending = self._judge.unreached_ending()
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
            outcome = self._next_outcome(min(part.wait_s, progress.wait_s, told.wait_s, self._judge.look_s))
            if outcome is not None:
                self._count(outcome, stop)
            self._raise_ours(outcome, stop)
            ending = self._judge.ending(outcome, stop)
            if ending is None and (part.due() or self._parts.is_full or isinstance(outcome, Checkpoint)):
                ending = self._writer.write()
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

    def _raise_ours(self, outcome: Outcome | None, stop: StopRequest) -> None:
        """Raise an error of our own, once what has a row is in a part; a wrong configuration is an ending like others."""
        if isinstance(outcome, Fatal) and not isinstance(outcome.error, ConfigError) and not stop.requested:
            self._writer.write_last(Ending(WorkerExit.DONE), stop)
            raise outcome.error

    def _next_outcome(self, timeout_s: float) -> Outcome | None:
        try:
            return self._pipeline.outcomes.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _count(self, outcome: Outcome, stop: StopRequest) -> None:
        self._judge.hear(outcome)
        if isinstance(outcome, Row):
            self._take(outcome)
            if outcome.status is not Status.DENIED:  # a name that cannot be asked for says nothing of the store
                self._out_of_reach.reached()
        elif isinstance(outcome, Unreached | Refused):
            self._tally.unreached += 1
            self._failed_share.leave_out(outcome.image)
            if isinstance(outcome, Refused):
                self._refusals.add(outcome)
            if self._out_of_reach.add(outcome.image):
                self._settle_refused(stop)
                self._out_of_reach.look_elsewhere()
            log.warning("%r has no row: %s", outcome.image.key, outcome.error)

    def _take(self, row: Row) -> None:
        self._tally.add(row)
        self._parts.add(row)
        self._failed_share.add(row)

    def _settle_refused(self, stop: StopRequest) -> None:
        """Give refused images their rows where the login is still good: else one wrong key would deny a million images."""
        if not self._refusals or stop.requested:  # who is told to stop has seconds, and the read may take minutes
            return
        self._writer.write()  # the signal may come while it waits
        if (rows := self._refusals.settle()) is None:
            return
        for row in rows:
            self._tally.unreached -= 1
            self._take(row)
        self._out_of_reach.reached()

    def _take_what_is_there(self, stop: StopRequest) -> None:
        """Keep what was finished while the end was decided."""
        while (outcome := self._next_outcome(0)) is not None:
            self._count(outcome, stop)
