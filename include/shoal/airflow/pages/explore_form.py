"""What a person asks of the page that explores an answer: read from its address, which can be sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from shoal.contract.errors import ConfigError, shown, shown_lines

BINS = {"": "as it fits", "day": "day", "week": "week", "month": "month", "hour": "hour of the day"}

DAYS_A_DAY, DAYS_A_WEEK = 130, 900
"""So many days are shown by day, so many by week, where nobody says by what."""


@dataclass(frozen=True)
class ExploreForm:
    """The form, as it was filled in; what is empty leaves nothing out.

    Attributes:
        taxon: Of which detections are counted.
        camera: Of this one.
        start: From this day on, `2026-06-01`.
        end: Before this day.
        bin: One of `BINS`.
        conf: From this score on; empty: what the answer itself counts.
    """

    taxon: str = ""
    camera: str = ""
    start: str = ""
    end: str = ""
    bin: str = ""
    conf: str = ""

    def query(self, **changed: str) -> str:
        """Write it as the end of an address, with some fields changed."""
        form = replace(self, **changed)
        told = {
            "taxon": form.taxon,
            "camera": form.camera,
            "from": form.start,
            "to": form.end,
            "bin": form.bin,
            "conf": form.conf,
        }
        said = {name: value for name, value in told.items() if value}
        return f"?{urlencode(said)}" if said else "?"

    def read_span(self) -> tuple[date | None, date | None]:
        """Read the days.

        Raises:
            ConfigError: One is none, or they leave nothing.
        """
        start, end = (_read_day(name, text) for name, text in (("from", self.start), ("to", self.end)))
        if start is not None and end is not None and start >= end:
            raise ConfigError(
                f"from {start} to {end} leaves no day: to is the first day that is left out - write a later one"
            )
        return start, end

    def read_conf(self, least: float) -> float | None:
        """Read the score.

        Args:
            least: The lowest score that is stored.

        Raises:
            ConfigError: It is none, or nothing so low is stored.
        """
        text = self.conf.strip()
        if not text:
            return None
        found = float(text) if re.fullmatch(r"[0-9]{0,2}\.?[0-9]{1,6}", text) else -1.0
        if not 0 <= found <= 1:
            raise ConfigError(f"conf {shown(text, 30)!r} is no score - write a number from {least:g} to 1")
        if found < least:
            raise ConfigError(
                f"conf {found:g} is lower than what is stored: boxes from {least:g} on - write that or more"
            )
        return found

    def meant(self, cameras: Sequence[str], taxa: Sequence[str]) -> "ExploreForm":
        """Find what was chosen among what there is: a page shows names with escapes for what nobody sees, and sends them so.

        Raises:
            ConfigError: There is no such camera, taxon or bin.
        """
        if self.bin not in BINS:
            raise ConfigError(f"No bin {shown(self.bin, 30)!r} - there are: {', '.join(filter(None, BINS))}")
        return replace(self, camera=_among("camera", self.camera, cameras), taxon=_among("taxon", self.taxon, taxa))


def width_for(asked: str, first: date, last: date) -> str:
    """Choose the width of bins for a span where nobody said one."""
    if asked:
        return asked
    days = (last - first).days + 1
    return "day" if days <= DAYS_A_DAY else "week" if days <= DAYS_A_WEEK else "month"


def bin_of(day: date, width: str) -> date:
    """Give the first day of the bin that a day is in; weeks begin on Monday."""
    if width == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if width == "week" else day


def bins_between(first: date, last: date, width: str) -> list[date]:
    """Give the first days of all bins from one day to another."""
    found, start, end = [], bin_of(first, width), bin_of(last, width)
    while start <= end:
        found.append(start)
        start = (
            bin_of(start + timedelta(days=32), width)
            if width == "month"
            else start + timedelta(days=7 if width == "week" else 1)
        )
    return found


def _among(word: str, value: str, known: Sequence[str]) -> str:
    if not value or value in known:
        return value
    for name in known:
        if shown_lines(name) == value.replace("\r\n", "\n"):
            return name
    some = ", ".join(shown(name, 60) for name in known[:8]) or "none"
    more = f" and {len(known) - 8} more" if len(known) > 8 else ""
    raise ConfigError(f"No {word} {shown(value, 100)!r} in this answer - there are: {some}{more}")


def _read_day(name: str, text: str) -> date | None:
    if not text:
        return None
    wrong = ConfigError(f"{name} {shown(text, 40)!r} is no day - write it as 2026-06-01")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise wrong
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise wrong from None
