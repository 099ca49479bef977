"""Values with units as people write them: durations (`4h`), Kubernetes quantities (`500m`, `2Gi`), and times (UTC)."""

import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from shoal.contract.errors import ConfigError

_DURATION_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_QUANTITY_UNITS = {
    "": Decimal(1),
    **{unit: Decimal(1000) ** -power for power, unit in enumerate("mun", start=1)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}

_SIZES = (("TiB", 1024**4), ("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `90s`, `30m`, `4h` or `2d`.

    Raises:
        ConfigError: Not a number and one of these units.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if match is None:
        raise ConfigError(f"Invalid duration {text!r} - write a number and a unit, such as 90s, 30m, 4h or 2d")
    return timedelta(seconds=float(match[1]) * _DURATION_UNITS_S[match[2]])


def format_duration(duration: timedelta) -> str:
    """Write a duration as `parse_duration` reads it, in the largest unit that keeps it whole: `90d`, `36h`."""
    seconds = duration.total_seconds()
    unit = next(unit for unit in "dhms" if seconds % _DURATION_UNITS_S[unit] == 0 or unit == "s")
    return f"{seconds / _DURATION_UNITS_S[unit]:g}{unit}"


def tell_seconds(seconds: float) -> str:
    """Write a duration for people who wait: `61 s`, `12 min`, `1 h 10 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    large, small, words = (
        (minutes // 60, minutes % 60, "h min") if minutes < 48 * 60 else (*divmod(round(minutes / 60), 24), "d h")
    )
    first, second = words.split()
    return f"{large} {first}" + (f" {small} {second}" if small else "")


@lru_cache(maxsize=4096)  # a cluster's pods ask for the same few quantities, 100,000 times
def parse_quantity(text: str | float) -> Decimal:
    """Read a Kubernetes quantity: plain, decimal (`500m`, `2G`, `1e3`) or binary (`2Gi`).

    Raises:
        ConfigError: Unknown suffix, or no number before it.
    """
    match = re.fullmatch(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)", str(text).strip())
    number, unit = match.groups() if match else ("", "")
    if unit not in _QUANTITY_UNITS:
        raise ConfigError(f"Invalid quantity {text!r}: unknown suffix {unit!r} - use one of m, k, M, G, Ki, Mi, Gi")
    try:
        return Decimal(number) * _QUANTITY_UNITS[unit]
    except InvalidOperation as err:
        raise ConfigError(f"Invalid quantity {text!r} - write it as 1, 500m or 2Gi") from err


def read_size(text: str) -> int:
    """Read a size in bytes such as `512MiB`, `2GiB` or `1.5 GB`; Kubernetes' `2Gi` is the same.

    Raises:
        ConfigError: Not a number and one of these units.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kKMGT]i?)B?", text.strip())
    if match is None:
        raise ConfigError(f"Invalid size {text!r} - write a number and a unit, such as 512MiB or 2GiB")
    number, unit = match.groups()
    return int(Decimal(number) * _QUANTITY_UNITS["k" if unit == "K" else unit])


def size_text(size_bytes: float) -> str:
    """Write a size for people: `256 MiB`, `1.5 GiB`."""
    unit, factor = next(((unit, factor) for unit, factor in _SIZES if size_bytes >= factor), _SIZES[-1])
    return f"{size_bytes / factor:.3g} {unit}" if size_bytes < 1000 * factor else f"{size_bytes / factor:.0f} {unit}"


def counted(count: int, thing: str) -> str:
    """Write a count with its noun: `1 video`, `2 videos`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


_OF_ONE = {"are": "is", "have": "has", "were": "was", "lie": "lies", "their": "its", "they": "it"}


def agreed(count: int, words: str) -> str:
    """Write words about several things as they go with a count: `7 images are …`, `1 of 7 images is …`.

    Args:
        count: How many they are about.
        words: Ours alone: those of a key would be changed, too.
    """
    return words if count != 1 else re.sub(r"\w+", lambda word: _OF_ONE.get(word[0], word[0]), words)


def read_time(text: str) -> datetime:
    """Read a time as stored objects have it, which say its offset.

    Raises:
        ValueError: It is no such time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r:.60} says no offset from UTC")
    return moment


def utc_text(moment: datetime) -> str:
    """Write a UTC time as every stored object does: ISO 8601, whole seconds; a naive time is UTC."""
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
