"""What a camera wrote into a picture about itself: facts of the bytes, read without decoding a pixel.

Only DateTimeOriginal is the capture; DateTimeDigitized is a scanner's time, DateTime that of the last program.
"""

import io
import re
from dataclasses import dataclass
from datetime import datetime

from PIL import Image as Pillow

from shoal_worker.image.markers import read_app1
from shoal_worker.image.png import SIGNATURE, chunks

MAKE, MODEL, EXIF_IFD = 0x010F, 0x0110, 0x8769
TIME_ORIGINAL, SUBSECONDS_ORIGINAL, OFFSET_ORIGINAL, BODY_SERIAL = 0x9003, 0x9291, 0x9011, 0xA431

LONGEST = 64
"""Characters kept of a text; the longest camera names have half of that."""

MOST_MINUTES = 14 * 60
"""Greatest offset from UTC in use (Kiribati)."""

_TIME = re.compile(
    r"(\d{4})[:\-/.](\d\d)[:\-/.](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,:](\d+))?(?: ?([AP])\.?M\.?)?"
    r"(?: ?(Z|(?:UTC|GMT)?[+-][\d:]+|UTC|GMT))?",
    re.ASCII | re.IGNORECASE,
)
"""What stands behind the digits belongs to the time: with words that are not understood there is none."""

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d?)(?::([0-5]\d)|(?<=\d\d)([0-5]\d))?|Z|UTC|GMT", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Exif:
    """What is known; None where it is not there, unreadable or impossible.

    Attributes:
        local_time: DateTimeOriginal with SubSecTimeOriginal, the camera's clock as it stood.
        offset_minutes: OffsetTimeOriginal, or what stands behind the time itself, minutes east of UTC.
        make: The camera's maker.
        model: Its model.
        serial: The body's serial number.
    """

    local_time: datetime | None = None
    offset_minutes: int | None = None
    make: str | None = None
    model: str | None = None
    serial: str | None = None

    def to_column(self) -> dict[str, object] | None:
        """Write it as the row holds it; None where nothing is known."""
        if self == Exif():
            return None
        time = None if self.local_time is None else self.local_time.isoformat(" ")
        return {**vars(self), "local_time": time}


def read_exif(data: bytes) -> Exif:
    """Read the EXIF of a JPEG, PNG, WebP, TIFF or AVIF; hostile bytes raise nothing.

    Raises:
        MemoryError: There was no room; this says nothing about the image.
    """
    try:
        tags = _tags(data)
        if tags is None:
            return Exif()
        inner = tags.get_ifd(EXIF_IFD)
        local_time, offset_minutes = _capture(
            *(inner.get(tag) for tag in (TIME_ORIGINAL, SUBSECONDS_ORIGINAL, OFFSET_ORIGINAL))
        )
        return Exif(
            local_time=local_time,
            offset_minutes=offset_minutes,
            make=_text(tags.get(MAKE)),
            model=_text(tags.get(MODEL)),
            serial=_text(inner.get(BODY_SERIAL)),
        )
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Pillow's parsers raise anything on hostile bytes
        return Exif()


def _tags(data: bytes) -> Pillow.Exif | None:
    if data.startswith(b"\xff\xd8"):
        return _loaded(_of_jpeg(data))
    if data.startswith(SIGNATURE):
        return _loaded(next((chunk.body(data) for chunk in chunks(data) if chunk.kind == b"eXIf"), None))
    if data.startswith((b"RIFF", b"II*\0", b"MM\0*")) or data[4:8] == b"ftyp":
        with Pillow.open(io.BytesIO(data)) as lazy:
            return lazy.getexif()
    return None


def _loaded(raw: bytes | None) -> Pillow.Exif | None:
    if not raw:
        return None
    tags = Pillow.Exif()
    tags.load(raw)
    return tags


def _of_jpeg(data: bytes) -> bytes | None:
    segments = read_app1(data)
    at = segments.find(b"Exif\0\0")
    return segments[at:] if at >= 0 else None


def _text(value: object) -> str | None:
    """Keep what can be printed, up to the first NUL."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    printable = "".join(c if c.isprintable() else " " for c in value.split("\0")[0][: 4 * LONGEST])
    return " ".join(printable.split())[:LONGEST] or None


def _capture(value: object, subseconds: object, offset: object) -> tuple[datetime | None, int | None]:
    """Read a time and its offset, which some programs write behind it."""
    beside = _offset(_text(offset))
    found = _TIME.fullmatch(_text(value) or "")
    if found is None:
        return None, beside
    *digits, fraction, half, behind = found.groups()
    minutes = _offset(behind)
    if (behind and minutes is None) or (None not in (minutes, beside) and minutes != beside):
        return None, beside
    subsecond = re.match(r"[0-9]+", _text(subseconds) or "")
    microseconds = int((subsecond[0] if subsecond else fraction or "")[:6].ljust(6, "0"))
    year, month, day, hour, minute, second = map(int, digits)
    try:
        time = datetime(year, month, day, _of_day(hour, half), minute, second, microseconds)  # noqa: DTZ001 - the zone is not known here
    except ValueError:
        return None, beside  # 0000:00:00, 24:00:00, 13 PM, 31 February: no time is invented
    return time, beside if minutes is None else minutes


def _of_day(hour: int, half: str | None) -> int:
    """Count an hour from midnight.

    Raises:
        ValueError: A half of a day has no such hour.
    """
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(f"no hour {hour} in a half of a day")
    return hour % 12 + (12 if half in "pP" else 0)


def _offset(text: str | None) -> int | None:
    found = _OFFSET.fullmatch(text or "")
    if found is None:
        return None
    if found[1] is None:
        return 0
    minutes = int(found[2]) * 60 + int(found[3] or found[4] or 0)
    return (minutes if found[1] == "+" else -minutes) if minutes <= MOST_MINUTES else None
