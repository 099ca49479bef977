"""Which troubles of cameras are new: a night tells people of these alone, or they would hear of one lens for a year."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from shoal.contract.units import read_time

NEAR = timedelta(days=3)
"""With more images the day from which on something is wrong may move by as much."""

_SAME = ("camera", "deployment", "trouble")


def new_of(found: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Take the findings that are none of those of before.

    Args:
        found: As findings.json has them.
        before: Likewise, of the answer before; None where that told none: then all that last are new, for nobody heard of them.
    """
    if before is None:
        return [dict(one) for one in found if one["to"] is None]
    return [dict(one) for one in found if not any(_is_same(one, other) for other in before)]


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two are of one trouble: their times meet; of a clock that leaps, which has no end, the moments."""
    if any(one[name] != other.get(name) for name in _SAME):
        return False
    start, earlier = read_time(one["from"]), read_time(other["from"])
    if one["trouble"] == "clock":
        return abs(start - earlier) <= NEAR
    end, earlier_end = (None if it["to"] is None else read_time(it["to"]) for it in (one, other))
    return (earlier_end is None or start <= earlier_end + NEAR) and (end is None or earlier <= end + NEAR)
