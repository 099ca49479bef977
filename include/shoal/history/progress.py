"""How far a run is, over all its shards, and when it will be through: what pages, `current`, `why` and `demo` tell.

The numbers are what its workers said last, see `contract.progress_note`; without a word of theirs, what lies in their parts.

When it will be through: a shard at work takes what is left by its own rate of the last minute, or until its time box is over.
A shard that nobody is at work on begins where a worker is free first, and takes its images by the median rate of those at work,
for a time box at most. The run is through when its last shard is. While one stands still nobody knows when that is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from heapq import heapify, heapreplace
from statistics import median
from typing import Any

from shoal.contract.exit_codes import WorkerExit
from shoal.contract.progress_note import ProgressNote
from shoal.contract.units import counted, tell_seconds

SILENT_S = 90.0
"""A worker says something every 20 s. After so long without a word it may be gone, or its store is."""

LOST_S = 120.0
"""What a worker did in so long may be in no part: where it was killed, the next attempt does it again."""

LEAST_RATE = 1e-6
"""Images a second below which a shard stands still: one in twelve days."""

MOST_RATE = 1e6
"""Images a second that no worker comes near: whoever may write to the bucket chooses the number."""

MOST_WAITED = 0.5
"""Share of its time from which on a worker is said to wait for the store."""

TRIED_AGAIN = {exit_.name.lower() for exit_ in (WorkerExit.INFRASTRUCTURE, WorkerExit.HELD, WorkerExit.STOPPED)}
"""How a worker may end so that another attempt follows."""


_DONE = WorkerExit.DONE.name.lower()


class ShardState(StrEnum):
    """What a shard's newest attempt is at."""

    WAITING = "waiting"
    """No worker has said anything of it."""
    AT_WORK = "at work"
    STILL = "standing still"
    """A worker is at work, and the last minute has brought no image: a read or the model hangs, or the node is starved."""
    SILENT = "silent"
    """A worker was at work, and has said nothing since."""
    LEFT = "left"
    """Its last worker ended and left images that the next attempt takes."""
    ENDED = "ended"
    """Its last worker ended and left images, and no attempt of this run takes them: the time box was over, say."""
    DONE = "done"


@dataclass(frozen=True)
class Said:
    """What one attempt said last, and how long ago by the store's clock."""

    note: ProgressNote
    age_s: float


@dataclass(frozen=True)
class ShardNow:
    """How far one shard is.

    Attributes:
        shard: Its number.
        images: Its images.
        done: Of these, images with a row.
        failed: Of these, images whose row is `failed`; where a worker was killed, up to two minutes of them may count twice.
        state: What its newest attempt is at.
        images_per_s: Its rate; None where nobody is at work on it, or in its first minute before the first image.
        budget_left_s: Seconds until its worker begins no further image, 0 where that ended it; None where nobody is at work.
        node: Node of its newest attempt; None where that is not known.
        age_s: Seconds since its last sign; None where there was none.
        attempts: Attempts that said something.
        waits_for_store: Share of the last seconds in which its worker waited for images to come; None where that is not known.
    """

    shard: int
    images: int
    done: int = 0
    failed: int = 0
    state: ShardState = ShardState.WAITING
    images_per_s: float | None = None
    budget_left_s: float | None = None
    node: str | None = None
    age_s: float | None = None
    attempts: int = 0
    waits_for_store: float | None = None

    @property
    def left(self) -> int:
        """Images without a row."""
        return self.images - self.done

    @classmethod
    def of(cls, shard: int, images: int, said: Sequence[Said]) -> "ShardNow":
        """Judge a shard by what its attempts said."""
        if not said:
            return cls(shard, images, state=ShardState.WAITING if images else ShardState.DONE)
        # By the store's clock: those of nodes differ, and an attempt that is at work has spoken last.
        *earlier, last = sorted(said, key=lambda one: -one.age_s)
        note = last.note
        done = min(images, max(0, images - note.left))
        failed = note.failed + sum(min(one.note.failed, one.note.done) for one in earlier)
        state = _state_of(note, done == images, last.age_s)
        is_watched = state in {ShardState.AT_WORK, ShardState.STILL}
        said_rate = note.images_per_s
        rate = None if said_rate is None or said_rate < 0 else min(float(said_rate), MOST_RATE)
        budget_left_s = max(0.0, note.budget_left_s - last.age_s) if is_watched else None
        if state is ShardState.ENDED and note.ended == _DONE:
            budget_left_s = 0.0
        return cls(
            shard, images, done, max(0, min(failed, done)), state,
            images_per_s=rate if is_watched else None, budget_left_s=budget_left_s,
            node=note.node, age_s=max(0.0, last.age_s), attempts=len(said),
            waits_for_store=_share(note.waits_for_store) if is_watched else None,
        )  # fmt: skip


def _share(said: float | None) -> float | None:
    """Give a share; whoever may write to the bucket chooses the number."""
    return None if said is None else min(1.0, max(0.0, said))


def _state_of(note: ProgressNote, is_all_done: bool, age_s: float) -> ShardState:
    if note.ended is not None:
        if is_all_done and note.ended == _DONE:
            return ShardState.DONE  # rows that a worker only made lie in no part yet: a killed one loses them
        return ShardState.LEFT if note.ended in TRIED_AGAIN else ShardState.ENDED
    if age_s >= SILENT_S:
        return ShardState.SILENT
    stands = note.images_per_s is not None and 0 <= note.images_per_s < LEAST_RATE
    return ShardState.STILL if stands and not is_all_done else ShardState.AT_WORK


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes:
        shards: Its shards.
        eta_s: Seconds until its last shard is through; None where nobody is at work, one stands still, or before the first image.
        not_in_time: Images that will not fit into the time boxes, or did not; a later run takes them.
    """

    shards: tuple[ShardNow, ...] = field(default_factory=tuple)
    eta_s: float | None = None
    not_in_time: int = 0

    @classmethod
    def of(cls, shards: Iterable[ShardNow], workers: int | None = None, budget_s: float | None = None) -> "RunProgress":
        """Sum up shards.

        Args:
            shards: They.
            workers: How many workers may be at work at once; None for as many as there are shards.
            budget_s: Seconds after its start at which a worker begins no further image; None where nobody said.
        """
        shards = tuple(sorted(shards, key=lambda one: one.shard))
        rates = [one.images_per_s for one in shards if one.images_per_s and one.state is ShardState.AT_WORK]
        usual = median(rates) if rates else None
        eta_s = _eta_s(shards, usual, workers or len(shards), budget_s)
        return cls(shards, eta_s, sum(_not_in_time(one, usual, budget_s) for one in shards))

    @property
    def images(self) -> int:
        """Images of all shards."""
        return sum(one.images for one in self.shards)

    @property
    def done(self) -> int:
        """Of these, images with a row."""
        return sum(one.done for one in self.shards)

    @property
    def failed(self) -> int:
        """Of these, images whose row is `failed`."""
        return sum(one.failed for one in self.shards)

    @property
    def left(self) -> int:
        """Images without a row."""
        return self.images - self.done

    @property
    def images_per_s(self) -> float:
        """Rate of all that are at work."""
        return sum(one.images_per_s or 0.0 for one in self.shards)

    @property
    def is_done(self) -> bool:
        """Whether every image has a row that no crash takes: what a worker made and did not write may be lost."""
        return all(one.state is ShardState.DONE for one in self.shards)

    def count(self, state: ShardState) -> int:
        """Count shards of a state."""
        return sum(one.state is state for one in self.shards)

    @property
    def eta(self) -> str:
        """When it is through, in words."""
        if self.is_done:
            return "all done"
        if all(one.state in _OVER for one in self.shards):
            return "all ended"
        if stand := self.count(ShardState.STILL):
            return f"ETA unknown: {counted(stand, 'shard')} {'stands' if stand == 1 else 'stand'} still"
        return "ETA unknown" if self.eta_s is None else f"ETA {tell_seconds(self.eta_s)}"

    @property
    def waits(self) -> str:
        """How many shards wait for the image store most of the time, in words; empty where none does."""
        waiting = sum((one.waits_for_store or 0.0) >= MOST_WAITED for one in self.shards)
        return (
            f"{counted(waiting, 'shard')} {'waits' if waiting == 1 else 'wait'} for the image store" if waiting else ""
        )

    def describe(self) -> str:
        """Tell it in one line."""
        states = ", ".join(f"{count} {state}" for state in ShardState if (count := self.count(state)))
        slow = f"; {self.waits}" if self.waits else ""
        box = f"; {self.not_in_time} will not fit into the time box" if self.not_in_time else ""
        return (
            f"{self.done} of {self.images} images done, {self.failed} of them failed, {self.left} left; "
            f"{self.images_per_s:.1f} images/s, {self.eta}; shards: {states or 'none'}{slow}{box}"
        )

    def to_json(self) -> dict[str, Any]:
        """Write it as `--json` prints it."""
        return {
            "images": self.images,
            "done": self.done,
            "failed": self.failed,
            "left": self.left,
            "images_per_s": round(self.images_per_s, 3),
            "eta_s": self.eta_s,
            "not_in_time": self.not_in_time,
            "shards": [{**asdict(one), "left": one.left} for one in self.shards],
        }


def progress_of(
    planned: Mapping[int, int],
    said: Mapping[int, Sequence[Said]],
    workers: int | None = None,
    budget_s: float | None = None,
) -> RunProgress:
    """Judge a run by what its attempts said.

    Args:
        planned: Images by number of the shard; what is said of others is not of the run.
        said: What was said, by number of the shard.
        workers: How many workers may be at work at once; None for as many as there are shards.
        budget_s: Seconds after its start at which a worker begins no further image; None where nobody said.
    """
    shards = (ShardNow.of(shard, images, said.get(shard, ())) for shard, images in planned.items())
    return RunProgress.of(shards, workers, budget_s)


_OVER = {ShardState.DONE, ShardState.ENDED}


def _eta_s(shards: Sequence[ShardNow], usual: float | None, workers: int, budget_s: float | None) -> float | None:
    """Play the run to its end: those at work end by their own rates, the others begin where a worker is free first."""
    if any(one.state is ShardState.STILL for one in shards):
        return None
    at_work = [one for one in shards if one.state is ShardState.AT_WORK]
    others = [one for one in shards if one.state not in {ShardState.AT_WORK, *_OVER}]
    if usual is None:
        return None if others or any(one.left for one in at_work) else 0.0
    ends = [_within(one.left / (one.images_per_s or usual), one.budget_left_s) for one in at_work]
    free = [*ends, *([0.0] * max(0, workers - len(ends)))]
    heapify(free)
    last_s = max(ends)
    for one in others:
        ends_s = free[0] + _within(_to_do(one, usual) / usual, budget_s)
        heapreplace(free, ends_s)
        last_s = max(last_s, ends_s)
    return round(last_s, 1)


def _within(seconds: float, box_s: float | None) -> float:
    return seconds if box_s is None else min(seconds, box_s)


def _to_do(one: ShardNow, usual: float) -> int:
    """Count what the next attempt at a shard finds open: where a worker is gone, also what it did last."""
    lost = round(usual * LOST_S) if one.state is ShardState.SILENT else 0
    return min(one.images, one.left + lost)


def _not_in_time(one: ShardNow, usual: float | None, budget_s: float | None) -> int:
    if one.state is ShardState.ENDED:
        return one.left if one.budget_left_s == 0 else 0
    if one.state in {ShardState.STILL, ShardState.DONE}:  # nobody knows how fast it goes on
        return 0
    is_at_work = one.state is ShardState.AT_WORK
    rate, box_s = one.images_per_s or usual, one.budget_left_s if is_at_work else budget_s
    if rate is None or box_s is None:
        return 0
    to_do = one.left if is_at_work else _to_do(one, rate)
    return to_do - round(min(rate * box_s, to_do))
