"""Settings that turn stored rows into numbers: changing them costs no inference."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field, model_validator

from shoal.settings.field_types import Name, Pattern, Score, Settings, TimeFormat, Zone

BinWidth = Literal["30min", "hour", "day", "month"]
_END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)


class Clock(Settings):
    """How a key tells camera and capture time."""

    # A file's own name, never a folder's: a dated folder would put a whole card into one second.
    pattern: Pattern = Field(
        r"(?P<time>\d{8}-\d{6})-(?P<camera>[^/]+?)(?:\.[^./]*)?$",
        description="Regular expression (RE2) searched in the whole key",
    )
    format: TimeFormat = Field("%Y%m%d-%H%M%S", description="strptime format of the time group")
    zone: Zone = Field("UTC", description="Zone the names are written in")
    camera: str = Field("camera", description="Camera name where the pattern has no camera group")
    unique: bool = Field(False, description="One image per camera and instant: further ones are duplicates")


class Taxon(Settings):
    """What one class of the model means."""

    scientific_name: str | None = Field(None, description="Default: the class name")
    aphia_id: int | None = Field(None, description="WoRMS identifier")
    role: Literal["count", "ignore", "exclude_image"] = Field(
        "count", description="exclude_image: an image that shows it is unusable (a diver, say)"
    )
    merge_into: str | None = Field(None, description="Count it as this other class")
    conf: Score | None = Field(None, description="Own confidence threshold")


class Usable(Settings):
    """Which processed images count as effort; the others are `unusable`."""

    luma_min: float = Field(0.0, ge=0, le=255, description="Darker images are unusable (mean luma, 0 to 255)")
    luma_max: float = Field(255.0, ge=0, le=255, description="Brighter images are unusable")
    sharpness_min: float = Field(0.0, ge=0, description="Blurrier images are unusable (variance of the Laplacian)")
    damaged: bool = Field(
        False, description="Whether images whose bytes are damaged inside count: their pixels may be grey or shifted"
    )

    @model_validator(mode="after")
    def _some_light_is_usable(self) -> "Usable":
        if self.luma_min > self.luma_max:
            raise ValueError(
                f"luma_min {self.luma_min:g} is above luma_max {self.luma_max:g} - no image would be usable"
            )
        return self


class Deployment(Settings):
    """One stay of a camera at one place; series break where it ends."""

    name: Name
    camera: str
    start: datetime
    end: datetime | None = None
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    depth_m: float | None = None

    @property
    def span(self) -> tuple[datetime, datetime]:
        """Start and end in UTC; times without offset are UTC, no end is the end of time."""
        start, end = (
            moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in (self.start, self.end or _END_OF_TIME)
        )
        return start, end

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> "Deployment":
        start, end = self.span
        if end <= start:
            raise ValueError(f"deployment {self.name} ends at {self.end}, not after its start {self.start}")
        return self


class Report(Settings):
    """How numbers are binned in time."""

    zone: Zone = Field("UTC", description="Zone of day and month bins; shorter bins are UTC")
    bins: tuple[BinWidth, ...] = Field(("hour", "day", "month"), min_length=1)
