"""Moments and offsets of clocks as people write them in a dataset file; what could be read in two ways is refused."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

_OFFSET = re.compile(r"([+-]) ?(?:([0-9]+)d)? ?(?:([0-9]+)h)? ?(?:([0-9]+)m)? ?(?:([0-9]+)s)?")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
_MOST = timedelta(days=36525)


def read_offset(value: object) -> timedelta:
    """Read what is added to a camera's time to make it true, such as `+1h`, `-365d` or `+1d2h30m`.

    Raises:
        ValueError: No sign, no unit, nothing at all, or more than a hundred years.
    """
    if isinstance(value, timedelta):
        return value
    found = _OFFSET.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not any(found.groups()[1:]):
        # YAML takes 1:00:00 for 3600, so that this notation can never be one of ours.
        read = f"{value!r}" if isinstance(value, str) else f"{value!r}, as YAML reads it,"
        raise ValueError(
            f"{read} is no offset - write a sign, then days, hours, minutes and seconds, such as +1h, -365d or +1d2h30m: "
            "it is added to what the camera wrote"
        )
    sign, *numbers = found.groups()
    digits = [number or "0" for number in numbers]
    if any(len(number) > 10 for number in digits):
        raise ValueError(f"{value!r} is more than a hundred years - correct it")
    offset = sum((int(number) * unit for number, unit in zip(digits, _UNITS.values(), strict=True)), timedelta())
    if offset == timedelta():
        raise ValueError(f"{value!r} moves nothing - leave offset out where the clock was right")
    if offset > _MOST:
        raise ValueError(f"{value!r} is more than a hundred years - correct it")
    return offset if sign == "+" else -offset


def write_offset(offset: timedelta) -> str:
    """Write an offset as `read_offset` reads it, in the largest units that keep it whole: `+1d2h`."""
    left, words = abs(offset), "-" if offset < timedelta() else "+"
    for name, unit in _UNITS.items():
        number, left = divmod(left, unit)
        words += f"{number}{name}" if number else ""
    return words


def in_utc(moment: datetime) -> datetime:
    """Take a moment without an offset as UTC."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _no_number(value: object) -> object:
    """Refuse 20240301, which would be a second of August 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9.]+\s*", value)):
        raise ValueError(
            f"{value!r} is no moment - write 2024-03-01 or 2024-03-01T06:00:00Z; UTC where no offset is written"
        )
    return value


def _has_its_utc(moment: datetime) -> datetime:
    try:
        in_utc(moment)
    except OverflowError as err:
        raise ValueError(f"{moment} has no time in UTC - leave it out for since ever, or for no end") from err
    return moment


Moment = Annotated[datetime, BeforeValidator(_no_number), AfterValidator(_has_its_utc)]
Offset = Annotated[timedelta, BeforeValidator(read_offset), PlainSerializer(write_offset)]
