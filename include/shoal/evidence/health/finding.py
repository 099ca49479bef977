"""One trouble of a camera, with what shows it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shoal.contract.units import utc_text

MOVED_NEAR = timedelta(days=3)
"""Days between a move and what it explains: a step is told from three days."""


class Trouble(StrEnum):
    """What is wrong, as far as the tables tell."""

    FOULING = "fouling"
    """Pictures lose sharpness day after day."""
    LIGHTS = "lights"
    """Pictures of some hours are dark from one day on, and others are not."""
    DARK = "dark"
    """Pictures of all hours are dark from one day on."""
    MOVED = "moved"
    """Pictures show another scene from one day on."""
    FROZEN = "frozen"
    """The same picture comes again and again."""
    CLOCK = "clock"
    """Capture times leap against the order in which images came."""
    SCORES = "scores"
    """The model is less sure from one day on."""


@dataclass(frozen=True)
class Finding:
    """One trouble.

    Attributes:
        camera: Whose.
        deployment: In which deployment; empty without one.
        trouble: What is wrong.
        start: Since when, UTC.
        end: Until when; None while it lasts.
        size: How much.
        unit: Of the size.
        why: What shows it, in one line.
        before: Key of a picture before it; None where there is none.
        after: Key of one of it.
        explained: Of scores that fall, whether pictures explain it; None of all else.
        hour_s: At which time of the day it shows best, s, UTC.
    """

    camera: str
    deployment: str
    trouble: Trouble
    start: datetime
    end: datetime | None
    size: float
    unit: str
    why: str
    before: str | None = None
    after: str | None = None
    explained: bool | None = None
    hour_s: int = 43_200

    def overlaps(self, start: datetime, end: datetime | None) -> bool:
        """Whether it lies in a time, at least in part."""
        return (end is None or self.start < end) and (self.end is None or start < self.end)

    def explains(self, start: datetime, end: datetime | None) -> bool:
        """Whether scores that fell in a time may have fallen because of it: a camera shows another scene once, on that day."""
        if self.trouble is Trouble.MOVED:
            return abs(self.start - start) <= MOVED_NEAR
        return self.overlaps(start, end)

    def to_json(self) -> dict[str, Any]:
        """Write it as `--json` prints it."""
        return {
            "camera": self.camera,
            "deployment": self.deployment or None,
            "trouble": str(self.trouble),
            "from": utc_text(self.start),
            "to": None if self.end is None else utc_text(self.end),
            "size": round(self.size, 4),
            "unit": self.unit,
            "before": self.before,
            "after": self.after,
            "explained": self.explained,
            "why": self.why,
        }
