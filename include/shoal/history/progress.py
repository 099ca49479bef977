"""How far a run is, over all its shards, and when it will be through: what pages, `current`, `why` and `demo` tell.

The numbers are what its workers said last, see `contract.progress_note`; without a word of theirs, what lies in their parts.

When it will be through: a shard at work takes what is left by its own rate of the last minute, or until its time box is over.
A shard that nobody is at work on begins where a worker is free first, and takes its images by the median rate of those at work.
The run is through when its last shard is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from heapq import heapify, heapreplace
from statistics import median
from typing import Any

from shoal.contract.exit_codes import WorkerExit
from shoal.contract.progress_note import ProgressNote
from shoal.contract.units import tell_seconds

SILENT_S = 90.0
"""A worker says something every 20 s. After so long without a word it may be gone, or its store is."""


TRIED_AGAIN = {exit_.name.lower() for exit_ in (WorkerExit.INFRASTRUCTURE, WorkerExit.HELD, WorkerExit.STOPPED)}
"""How a worker may end so that another attempt follows."""


class ShardState(StrEnum):
    """What a shard's newest attempt is at."""

    WAITING = "waiting"
    """No worker has said anything of it."""
    AT_WORK = "at work"
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
        images_per_s: Its rate; None where nobody is at work on it, or before the first image.
        budget_left_s: Seconds until its worker begins no further image; None where nobody is at work.
        node: Node of its newest attempt; None where that is not known.
        age_s: Seconds since its last sign; None where there was none.
        attempts: Attempts that said something.
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
        if done == images and note.ended == WorkerExit.DONE.name.lower():
            state = ShardState.DONE  # rows that a worker only made lie in no part yet: a killed one loses them
        elif note.ended is not None:
            state = ShardState.LEFT if note.ended in TRIED_AGAIN else ShardState.ENDED
        else:
            state = ShardState.AT_WORK if last.age_s < SILENT_S else ShardState.SILENT
        at_work = state is ShardState.AT_WORK
        return cls(
            shard, images, done, max(0, min(failed, done)), state,
            images_per_s=note.images_per_s if at_work and note.images_per_s and note.images_per_s > 0 else None,
            budget_left_s=max(0.0, note.budget_left_s - last.age_s) if at_work else None,
            node=note.node, age_s=max(0.0, last.age_s), attempts=len(said),
        )  # fmt: skip


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes:
        shards: Its shards.
        eta_s: Seconds until its last shard is through; None where nobody is at work, and before the first image.
        not_in_time: Images that will not fit into the time box; a later run takes them.
    """

    shards: tuple[ShardNow, ...] = field(default_factory=tuple)
    eta_s: float | None = None
    not_in_time: int = 0

    @classmethod
    def of(cls, shards: Iterable[ShardNow], workers: int | None = None) -> "RunProgress":
        """Sum up shards.

        Args:
            shards: They.
            workers: How many workers may be at work at once; None for as many as there are shards.
        """
        shards = tuple(sorted(shards, key=lambda one: one.shard))
        return cls(shards, _eta_s(shards, workers or len(shards)), _not_in_time(shards))

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

    def count(self, state: ShardState) -> int:
        """Count shards of a state."""
        return sum(one.state is state for one in self.shards)

    @property
    def eta(self) -> str:
        """When it is through, in words."""
        if not self.left:
            return "all done"
        return "ETA unknown" if self.eta_s is None else f"ETA {tell_seconds(self.eta_s)}"

    def describe(self) -> str:
        """Tell it in one line."""
        states = ", ".join(f"{count} {state}" for state in ShardState if (count := self.count(state)))
        box = f"; {self.not_in_time} will not fit into the time box" if self.not_in_time else ""
        return (
            f"{self.done} of {self.images} images done, {self.failed} of them failed, {self.left} left; "
            f"{self.images_per_s:.1f} images/s, {self.eta}; shards: {states or 'none'}{box}"
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
    planned: Mapping[int, int], said: Mapping[int, Sequence[Said]], workers: int | None = None
) -> RunProgress:
    """Judge a run by what its attempts said.

    Args:
        planned: Images by number of the shard; what is said of others is not of the run.
        said: What was said, by number of the shard.
        workers: How many workers may be at work at once; None for as many as there are shards.
    """
    return RunProgress.of(
        (ShardNow.of(shard, images, said.get(shard, ())) for shard, images in planned.items()), workers
    )


def _eta_s(shards: Sequence[ShardNow], workers: int) -> float | None:
    rates = [one.images_per_s for one in shards if one.images_per_s]
    if not rates:
        return None if any(one.left for one in shards) else 0.0
    usual = median(rates)
    at_work = [_shard_s(one, usual) for one in shards if one.state is ShardState.AT_WORK]
    free = [*at_work, *([0.0] * max(0, workers - len(at_work)))]
    heapify(free)
    last_s = max(at_work)
    for one in shards:
        if one.left and one.state not in {ShardState.AT_WORK, ShardState.ENDED}:
            ends_s = free[0] + one.left / usual
            heapreplace(free, ends_s)
            last_s = max(last_s, ends_s)
    return round(last_s, 1)


def _shard_s(one: ShardNow, usual: float) -> float:
    seconds = one.left / (one.images_per_s or usual)
    return seconds if one.budget_left_s is None else min(seconds, one.budget_left_s)


def _not_in_time(shards: Iterable[ShardNow]) -> int:
    return sum(
        max(0, round(one.left - one.images_per_s * one.budget_left_s))
        for one in shards
        if one.images_per_s and one.budget_left_s is not None
    )
