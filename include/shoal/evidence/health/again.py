"""Which troubles of cameras are new: a night tells people of these alone, or they would hear of one lens for a year."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from shoal.contract.errors import shown
from shoal.contract.units import counted, read_time

NEAR = timedelta(days=3)
"""With more images the day from which on something is wrong may move by as much."""

RECENT = timedelta(days=14)
"""Of a first answer a clock that leapt, or a camera that was moved, is told when that was not longer ago."""

MOMENTS = frozenset({"clock", "moved"})
"""Troubles that happen once: they have no end, and do not last."""

KNOWN_BY = ("camera", "deployment", "trouble", "from", "to")
"""Fields by which it is known whether a trouble was told."""

MOST_TOLD = 3
"""Troubles in one line."""

_SAME = KNOWN_BY[:3]


def lasts(one: Mapping[str, Any]) -> bool:
    """Whether a trouble goes on; a moment does not."""
    return one["to"] is None and one["trouble"] not in MOMENTS


def new_of(
    found: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]] | None, newest: datetime
) -> list[dict[str, Any]]:
    """Take the findings that are none of those of before.

    Args:
        found: As findings.json has them.
        before: What had been told, by `KNOWN_BY` at least; None where nothing was: then all that last are new, for nobody heard
            of them, and what has just happened.
        newest: When the answer's newest image was taken.
    """
    if before is None:
        return [dict(one) for one in found if lasts(one) or (one["to"] is None and _start(one) >= newest - RECENT)]
    return [dict(one) for one in found if not any(_is_same(one, other) for other in before)]


def known_by(told: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Keep of troubles that were told what they are known by.

    Raises:
        KeyError: One lacks something of it.
        TypeError: It is of another type. Likewise ValueError.
    """
    for one in told:
        read_time(one["from"])
        if one["to"] is not None:
            read_time(one["to"])
    return [{name: one[name] for name in KNOWN_BY} for one in told]


def describe_new(new: Sequence[Mapping[str, Any]], dataset: str) -> str:
    """Say in one line what is newly wrong with cameras, what goes on or has no end first, the latest of it before all."""
    told = "; ".join(_tell(one) for one in in_order(new)[:MOST_TOLD])
    more = f"; and {len(new) - MOST_TOLD} more" if len(new) > MOST_TOLD else ""
    return f"{counted(len(new), 'new camera trouble')} in {dataset}: {told}{more}"


def in_order(new: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Put what is over last, and of the rest the latest first."""
    latest = sorted(sorted(new, key=lambda one: one["camera"]), key=_start, reverse=True)
    return sorted(latest, key=lambda one: one["to"] is not None)


def _tell(one: Mapping[str, Any]) -> str:
    since, size = f"{_start(one):%Y-%m-%d %H:%M} UTC", f"{one['size']:.3g} {one['unit']}"
    when = "on" if one["trouble"] in MOMENTS else "since"
    return f"camera {shown(one['camera']) or '(no name)'}, {one['trouble']} {when} {since}, {size}"


def _start(one: Mapping[str, Any]) -> datetime:
    return read_time(one["from"])


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two are of one trouble: their times meet; of what happens in a moment the moments."""
    if any(one[name] != other[name] for name in _SAME):
        return False
    start, earlier = _start(one), _start(other)
    if one["trouble"] in MOMENTS:
        return abs(start - earlier) <= NEAR
    end, earlier_end = (None if it["to"] is None else read_time(it["to"]) for it in (one, other))
    return (earlier_end is None or start <= earlier_end + NEAR) and (end is None or earlier <= end + NEAR)
