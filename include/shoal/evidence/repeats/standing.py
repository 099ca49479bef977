"""How long something stood at a place without a break: time decides, not number.

A rock is there at dawn, at noon and at dusk, day after day. A fish that likes a place comes back to it, and is away in between.
So a day is one on which a thing stood when it was seen in four of the day's eight parts (three hours each) and in half of those
in which the camera looked; in three where it looked in three only. A day with fewer parts says nothing. Three such days make a
period; one day without is no break, two are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from shoal.evidence.repeats.places import (
    LEAST_DAYS,
    LEAST_MIDDLE,
    LEAST_SHARE,
    LEAST_SLOTS,
    SLOT_HOURS,
    SLOTS_A_DAY,
    SeenPlace,
)

MOST_MISSED_DAYS = 1
"""Days in a row on which the camera looked and a thing that stands was not seen all day."""

MOST_BLIND_DAYS = 14
"""Days in a row on which nobody looked: after more, a new period begins."""

FEWEST_LOOKED = 3
"""Parts of a day in which a camera must look, or the day says nothing of what stood there."""

LEAST_HELD = 0.6
"""Of the days of a period that say something, on so many the thing stood."""


@dataclass(frozen=True)
class Period:
    """A time in which something stood at a place.

    Attributes:
        start: UTC, to three hours.
        end: Likewise; a box at this moment is not of it.
        boxes: Images with a box at the place.
        images: Used images of the camera meanwhile.
        days: Days on which it stood.
        looked_days: Days that say whether it did.
        longest_break_h: Longest time without it of which the camera looked at every part, hours.
        middle: Of the boxes near the place, the share that lies at it.
    """

    start: datetime
    end: datetime
    boxes: int
    images: int
    days: int
    looked_days: int
    longest_break_h: int
    middle: float

    @property
    def share(self) -> float:
        """Of the images, those with it."""
        return self.boxes / self.images


@dataclass(frozen=True)
class _Days:
    """Days on which the camera looked, in order."""

    number: NDArray[np.int64]
    says: NDArray[np.bool_]
    held: NDArray[np.bool_]


def find_periods(seen: SeenPlace, slots: NDArray[np.int64], images: NDArray[np.int64]) -> list[Period]:
    """Find when something stood at a place.

    Args:
        seen: When the place was taken.
        slots: Parts of days in which the camera looked, in order.
        images: Used images in each.
    """
    at, near = (_on_axis(slots, seen.slots, counts) for counts in (seen.at, seen.near))
    taken = at >= np.maximum(1, LEAST_SHARE * images)
    days = _judge_days(slots, taken)
    found = (_period(slots, images, at, near, taken, days, run) for run in _runs(days))
    return [period for period in found if period is not None]


def comes_back(seen: SeenPlace) -> bool:
    """Whether a place is taken on several days, by whatever comes and goes."""
    days = np.unique(seen.slots[seen.at > 0] // SLOTS_A_DAY)
    return len(days) >= LEAST_DAYS and bool(seen.at.sum() >= LEAST_MIDDLE * seen.near.sum())


def _on_axis(slots: NDArray[np.int64], some: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    axis = np.zeros(len(slots), dtype=np.int64)
    axis[np.searchsorted(slots, some)] = counts
    return axis


def _judge_days(slots: NDArray[np.int64], taken: NDArray[np.bool_]) -> _Days:
    number, of_day = np.unique(slots // SLOTS_A_DAY, return_inverse=True)
    looked = np.bincount(of_day, minlength=len(number))
    seen = np.bincount(of_day, weights=taken, minlength=len(number))
    needed = np.where(looked >= LEAST_SLOTS, np.maximum(LEAST_SLOTS, np.ceil(looked / 2)), looked)
    says = looked >= FEWEST_LOOKED
    return _Days(number.astype(np.int64), says, says & (seen >= needed))


def _runs(days: _Days) -> Iterator[tuple[int, int]]:
    """Find first and last day of each time in which the thing stood on day after day, as places in `days`."""
    held = np.flatnonzero(days.held)
    if not len(held):
        return
    missed = np.cumsum(days.says & ~days.held)
    start = 0
    for place in range(1, len(held) + 1):
        if place < len(held):
            last, this = held[place - 1], held[place]
            apart = days.number[this] - days.number[last] - 1
            if missed[this] - missed[last] <= MOST_MISSED_DAYS and apart <= MOST_BLIND_DAYS:
                continue
        yield int(held[start]), int(held[place - 1])
        start = place


def _period(  # noqa: PLR0917 - columns of one axis
    slots: NDArray[np.int64],
    images: NDArray[np.int64],
    at: NDArray[np.int64],
    near: NDArray[np.int64],
    taken: NDArray[np.bool_],
    days: _Days,
    run: tuple[int, int],
) -> Period | None:
    first, last = run
    held, says = int(days.held[first : last + 1].sum()), int(days.says[first : last + 1].sum())
    if held < LEAST_DAYS or held < LEAST_HELD * says:
        return None
    day = slots // SLOTS_A_DAY
    # It came and went within a day: what was seen of it on the day before and after is of it, too.
    around = np.flatnonzero(taken & (day >= days.number[first] - 1) & (day <= days.number[last] + 1))
    part = slice(int(around[0]), int(around[-1]) + 1)
    middle = float(at[part].sum() / max(1, near[part].sum()))
    if middle < LEAST_MIDDLE:
        return None
    return Period(
        _moment(int(slots[part.start])),
        _moment(int(slots[part.stop - 1]) + 1),
        int(at[part].sum()),
        int(images[part].sum()),
        held,
        says,
        _longest_break(slots[part], taken[part]) * SLOT_HOURS,
        middle,
    )


def _longest_break(slots: NDArray[np.int64], taken: NDArray[np.bool_]) -> int:
    """Count the slots of the longest time without it; one in which nobody looked ends it."""
    longest = length = 0
    for place in range(len(slots)):
        follows = place > 0 and slots[place] == slots[place - 1] + 1
        length = 0 if taken[place] else (length if follows else 0) + 1
        longest = max(longest, length)
    return longest


def _moment(slot: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=slot * SLOT_HOURS)
