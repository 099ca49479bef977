"""Settings that turn stored rows into numbers: changing them costs no inference."""

import re
from operator import not_
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from shoal.contract.errors import shown
from shoal.settings.clock_patterns import read_groups
from shoal.settings.field_types import BY_HAND, Pattern, Score, Settings, TaxonWord, TimeFormat, Zone

BinWidth = Literal["30min", "hour", "day", "month"]

MOST_ID = 2**31 - 1
"""Largest number of a taxon: what the answer's tables hold."""


class ClockEntry(Settings):
    """One way to tell camera and capture time: from the key, or from what the camera wrote into the image."""

    # A file's own name, never a folder's: a dated folder would put a whole card into one second.
    pattern: Pattern = Field(
        r"(?P<time>\d{8}-\d{6})-(?P<camera>[^/]+?)(?:\.[^./]*)?$",
        description="Regular expression (RE2) searched in the file's own name, then in the whole key; with a / in the key only",
    )
    format: TimeFormat = Field(
        "%Y%m%d-%H%M%S",
        description="strptime format of the time group, or of date, a blank and time; %s: seconds or milliseconds since 1970",
    )
    # For good: plan.json leaves it out of entries of EXIF whose zone nobody wrote, and means UTC by that.
    zone: Zone = Field("UTC", description="Zone the times are written in")
    camera: str = Field("camera", description="Camera name where the key tells none")
    # Left out of plan.json where they are false: the many plans stay as they are.
    exif: bool = Field(False, exclude_if=not_, description="The image's EXIF tells the time, not its name")
    last_modified: bool = Field(
        False, exclude_if=not_, description="The time of upload stands for that of capture where nothing tells one"
    )

    @property
    def reads_name(self) -> bool:
        """Whether it searches an image's key."""
        return not (self.exif or self.last_modified)

    @model_serializer(mode="wrap")
    def _leave_out_what_is_not_asked(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Store nothing that has no meaning: a default that changes later would make it look written.

        Keep what `says_zone_of_exif` asks: in plan.json, too, an EXIF entry has a zone only where a person wrote one.
        """
        written: dict[str, Any] = write(self)
        unasked = () if self.reads_name else ("pattern", "format")
        if self.last_modified or (self.exif and "zone" not in self.model_fields_set):
            unasked = (*unasked, "zone")
        return {name: value for name, value in written.items() if name not in unasked}

    @model_validator(mode="after")
    def _reads_one_thing(self, info: ValidationInfo) -> "ClockEntry":
        if self.exif and self.last_modified:
            raise ValueError("exif: true and last_modified: true are two entries of a list - EXIF first")
        # Stored entries have patterns that nobody wrote.
        if info.context != BY_HAND:
            return self
        if self.exif and {"pattern", "format"} & self.model_fields_set:
            raise ValueError("exif: true reads no name - give pattern and format an entry of their own")
        if self.last_modified and {"pattern", "format", "zone"} & self.model_fields_set:
            raise ValueError(
                "last_modified: true is the time of upload, which is UTC - give pattern, format and zone an entry of their own"
            )
        return self


class Clock(ClockEntry):
    """How camera and capture time are told: by one entry, or by the first of several that finds a usable time."""

    unique: bool = Field(False, description="One image per camera and instant: further ones are duplicates")
    others: tuple[ClockEntry, ...] = Field(
        (), exclude_if=not_, description="What is tried next; a list in a dataset file"
    )

    @property
    def entries(self) -> tuple[ClockEntry, ...]:
        """All entries in the order they are tried."""
        return (self, *self.others)

    @property
    def upload(self) -> int | None:
        """Number of the entry that takes the time of upload; None where none does."""
        return next((n for n, entry in enumerate(self.entries) if entry.last_modified), None)

    @property
    def asks_exif(self) -> bool:
        """Whether an entry reads EXIF."""
        return any(entry.exif for entry in self.entries)

    @property
    def says_zone_of_exif(self) -> bool:
        """Whether a person wrote the zone of every entry that reads EXIF, which is asked for times without an offset."""
        return all("zone" in entry.model_fields_set for entry in self.entries if entry.exif)

    @property
    def tells_cameras(self) -> bool:
        """Whether keys tell cameras apart."""
        return any("camera" in read_groups(entry.pattern) for entry in self.entries if entry.reads_name)

    @model_validator(mode="before")
    @classmethod
    def _list(cls, data: Any) -> Any:
        """Let a list of entries mean its first, and the others."""
        if not isinstance(data, list | tuple):
            return data
        if not data or not isinstance(data[0], dict) or "others" in data[0]:
            raise ValueError(
                "a list of clocks holds mappings of pattern, format, zone and camera, or exif: true, or last_modified: true, "
                "at least one"
            )
        return {**data[0], "others": data[1:]}

    @model_validator(mode="after")
    def _upload_comes_last(self) -> "Clock":
        if self.upload not in {None, len(self.entries) - 1}:
            raise ValueError(
                "last_modified: true stands last - every image has a time of upload, so that no entry behind it would be asked"
            )
        return self


class Taxon(Settings):
    """What one class of the model means."""

    scientific_name: str | None = Field(None, description="Default: the class name")
    aphia_id: int | None = Field(None, description="WoRMS identifier")
    role: Literal["count", "ignore", "exclude_image", "human"] = Field(
        "count",
        description="exclude_image: an image that shows it is unusable (a diver, say); human: counted nowhere, and no "
        "picture of an image that shows it is ever drawn",
    )
    merge_into: str | None = Field(None, description="Count it as this other class")
    conf: Score | None = Field(None, description="Own confidence threshold")
    # Left out of plan.json and summary.json where nobody wrote them: the many plans and answers stay as they are.
    vernacular: TaxonWord | None = Field(
        None, exclude_if=not_, description="Its common name, for the archive of darwin-core"
    )
    gbif_key: int | None = Field(
        None,
        ge=1,
        le=MOST_ID,
        strict=True,
        exclude_if=not_,
        description="Its key in GBIF, where WoRMS does not have it, for darwin-core and camtrap-dp",
    )
    mobility: Literal["mobile", "sessile"] | None = Field(
        None,
        exclude_if=not_,
        description="sessile: what grows in one place is no thing that stands in the picture by chance",
    )
    parent: TaxonWord | None = Field(
        None, exclude_if=not_, description="Scientific name of the taxon above it, such as its genus or family"
    )

    @field_validator("aphia_id", mode="before")
    @classmethod
    def _is_an_aphia_id(cls, value: Any, info: ValidationInfo) -> Any:
        """Look at what people write; what is stored is read as it was."""
        if info.context != BY_HAND or value is None:
            return value
        text = str(value).strip()
        if found := re.fullmatch(
            r"urn:lsid:marinespecies\.org:taxname:(\d+)|https?://\S*marinespecies\.org/\S*id=(\d+)", text
        ):
            raise ValueError(f"{text!r} is no number - write {found[1] or found[2]}")
        if isinstance(value, bool | float) or not text.isascii() or not text.isdigit() or not 0 < int(text) <= MOST_ID:
            raise ValueError(
                f"{shown(text, 80)!r} is no AphiaID - write the number of the taxon in WoRMS (marinespecies.org)"
            )
        return int(text)


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


PagesUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=2000)]
"""An Airflow's own address, with the path below which it lies."""


class Report(Settings):
    """How numbers are binned in time, and where report.html links to."""

    zone: Zone = Field("UTC", description="Zone of day and month bins; shorter bins are UTC")
    bins: tuple[BinWidth, ...] = Field(("hour", "day", "month"), min_length=1)
    # Left out of plan.json where nobody wrote it, as before there were links.
    pages_url: PagesUrl | None = Field(
        None,
        exclude_if=lambda url: url is None,
        description="Address of the Airflow whose pages the report links to; None: it has no links",
    )
