"""What summarize did: whether the run did its part, whether it is the answer, and what is told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.evidence.health.again import describe_new
from shoal.exports.asides import describe_asides, describe_unread
from shoal.exports.write import describe_told
from shoal.results.answer import AnswerMove
from shoal.results.stored_summary import StoredSummary
from shoal.summary.balance import Balance
from shoal.summary.stuck_images import describe_unreadable
from shoal.tables.clock_table import ClockTable


@dataclass(frozen=True)
class SummarizedRun:
    """What summarize did.

    Attributes:
        summary: summary.json as it was written.
        balance: The first balance.
        key: Key of summary.json.
        move: Whether the run is the dataset's answer now, and which one was before.
        remarks: What was done to the variant's ledgers besides, and what kept that from being done; a sentence each.
        planned_clock: What the plan told of times and cameras.
        again: Whether the run had a summary before.
    """

    summary: Mapping[str, Any]
    balance: Balance
    key: str
    move: AnswerMove
    remarks: tuple[str, ...] = ()
    planned_clock: ClockTable | None = None
    again: bool = False

    @property
    def not_current_because(self) -> str | None:
        """None when the run is the dataset's answer now."""
        return self.move.not_because

    @property
    def stored(self) -> StoredSummary:
        """The summary as its readers take it."""
        return StoredSummary.parse(self.summary)

    @property
    def new_troubles(self) -> Sequence[Mapping[str, Any]]:
        """What is wrong with cameras that the answer before did not tell, as findings.json has it."""
        return self.summary["run"]["new_troubles"]  # type: ignore[no-any-return]

    @property
    def failure(self) -> str | None:
        """Why the task must fail although everything is written; None when the run did its part.

        Work was left and less than a tenth of the manifest was settled, or a shard stopped because too many images failed.
        """
        stopped = self.stored.stopped_shards
        if stopped:
            return (
                f"Shards {list(stopped)} stopped: more images failed than run.tolerated_failed_share allows - see failures.csv "
                "beside the summary"
            )
        left = self.balance.fates["unsettled"]
        if left and self.balance.settled * 10 < self.balance.chosen:
            return (
                f"{left} of {self.balance.chosen} images without a row - see the log of the infer tasks, then start the run "
                "again: what is settled is kept"
            )
        return None

    @property
    def left(self) -> int:
        """Images in scope without a row."""
        return self.balance.fates["pending"] + self.balance.fates["unsettled"]

    @property
    def continues(self) -> bool:
        """Whether another run should follow at once: work is left, and this one did at least a tenth of its own and got on by it.

        A run over nothing but images that were denied before adds nothing, and the next one would be the same. It had them only
        because nothing else was free: what no run has tried comes first.
        """
        did_its_part = self.balance.chosen > 0 and self.balance.settled * 10 >= self.balance.chosen
        return self.left > 0 and self.failure is None and did_its_part and self.balance.gained > 0

    def describe(self) -> list[str]:
        """Tell the summary in a few lines."""
        fates = ", ".join(f"{count} {fate}" for fate, count in self.balance.fates.items())
        stored = self.stored
        uses = ", ".join(f"{count} {use}" for use, count in stored.uses.items())
        answer = "this run is the dataset's answer" if self.not_current_because is None else self.not_current_because
        return [
            f"{self.balance.listed} listed = {fates}",
            f"{stored.examined} examined = {uses}",
            f"result sha256 {stored.result_sha256}",
            *describe_unread(stored.balance),
            *describe_asides(stored.result),
            answer,
            # The plan has told it, unless EXIF told more meanwhile.
            *(stored.clock.describe() if stored.clock and stored.clock != self.planned_clock else []),
            *describe_unreadable(stored.unreadable),
            *describe_told(stored.exports),
            *self._describe_new_troubles(),
            *self.remarks,
        ]

    def _describe_new_troubles(self) -> list[str]:
        if self.not_current_because is not None or not self.new_troubles:
            return []
        dataset = self.stored.dataset
        return [f"{describe_new(self.new_troubles, dataset)} - python -m shoal health {dataset}"]
