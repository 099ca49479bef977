"""Stays of cameras: from when to when, where, what their clock was off by, and when they did not work."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import not_
from typing import Literal

from pydantic import Field, model_validator

from shoal.contract.units import utc_text
from shoal.settings.field_types import Duration, Name, Settings, Zone
from shoal.settings.moments import Moment, Offset, in_utc, write_offset

EVENT_GAP = timedelta(minutes=30)
"""Of cameras that something releases: the usual one of camera traps."""

_BEGIN_OF_TIME, _END_OF_TIME = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
Span = tuple[datetime, datetime]


class NotWorking(Settings):
    """A time within a stay in which the camera saw nothing worth counting, whatever it stored."""

    start: Moment = Field(alias="from", description="First moment; true time, UTC where no offset is written")
    end: Moment = Field(alias="to", description="First moment after it")
    reason: str = Field(min_length=1, description="Why, for whoever reads the report")

    @property
    def span(self) -> Span:
        """Start and end in UTC."""
        return in_utc(self.start), in_utc(self.end)


class Deployment(Settings):
    """One stay of a camera at one place; series break where it ends."""

    name: Name
    camera: str
    start: Moment | None = Field(None, description="First moment, by a right clock; none: since ever")
    end: Moment | None = Field(None, description="First moment after it; none: the camera is still there")
    # What few stays need is left out of plan.json where it is not said: the many plans stay as they are.
    offset: Offset | None = Field(
        None, exclude_if=not_, description="Added to the camera's time to make it true, such as +1h or -365d"
    )
    zone: Zone | None = Field(
        None, exclude_if=not_, description="Zone its clock showed; default: that of the clock's entry"
    )
    capture_method: Literal["timeLapse", "activityDetection"] | None = Field(
        None, alias="captureMethod", exclude_if=not_, description="What released the camera, in Camtrap DP's words"
    )
    event_gap: Duration | None = Field(
        None,
        exclude_if=not_,
        ge=timedelta(seconds=1),
        le=timedelta(days=7),
        description="Images that are no further apart are one event: a burst counts a fish once; default: 30m for "
        "activityDetection, no events for the others",
    )
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    depth_m: float | None = None
    not_working: tuple[NotWorking, ...] = Field(
        (), exclude_if=not_, description="When it did not work: fogged, moved, out of power"
    )

    @property
    def is_released(self) -> bool:
        """Whether something in front of the camera releases it: that it took no image may mean that nothing came by."""
        return self.capture_method == "activityDetection"

    @property
    def gap_of_events(self) -> timedelta | None:
        """How far apart images of one event may lie; None where each image is a look of its own."""
        return self.event_gap or (EVENT_GAP if self.is_released else None)

    @property
    def span(self) -> Span:
        """Start and end in UTC; times without offset are UTC, none is the beginning or the end of time."""
        return in_utc(self.start or _BEGIN_OF_TIME), in_utc(self.end or _END_OF_TIME)

    @property
    def correction(self) -> str:
        """What is corrected of its camera's times, in words; empty where nothing is."""
        return ", ".join([*([write_offset(self.offset)] if self.offset else []), *([self.zone] if self.zone else [])])

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> "Deployment":
        start, end = self.span
        if end <= start:
            raise ValueError(f"deployment {self.name} ends at {self.end}, not after its start {self.start}")
        return self

    @model_validator(mode="after")
    def _does_not_work_within_itself(self) -> "Deployment":
        start, end = self.span
        for pause in self.not_working:
            first, last = pause.span
            said = f"not_working of deployment {self.name} from {utc_text(first)} to {utc_text(last)}"
            if last <= first:
                raise ValueError(f"{said} has no length - to is the first moment after it")
            if first < start or end < last:
                raise ValueError(f"{said} is not within the deployment, {_words(start, end)} - write the part that is")
        return self


def _words(start: datetime, end: datetime) -> str:
    return " ".join(
        [
            "since ever" if start == _BEGIN_OF_TIME else f"from {utc_text(start)}",
            "with no end" if end == _END_OF_TIME else f"to {utc_text(end)}",
        ]
    )


def check_apart(deployments: Sequence[Deployment]) -> None:
    """See that an image can belong to one deployment at most, and that each has a name of its own.

    Raises:
        ValueError: Two of one camera overlap, or have one name.
    """
    stays = sorted(deployments, key=lambda stay: (stay.camera, stay.span))
    for (camera, name), count in Counter((stay.camera, stay.name) for stay in stays).items():
        if count > 1:
            raise ValueError(f"two deployments of camera {camera} are named {name} - give each its own name")
    for earlier, later in pairwise(stays):
        if earlier.camera == later.camera and later.span[0] < earlier.span[1]:
            raise ValueError(
                f"deployments {earlier.name} and {later.name} of camera {later.camera} overlap - "
                "an image belongs to one of them at most"
            )
