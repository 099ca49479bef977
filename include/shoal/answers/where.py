"""Which part of an answer is asked for: cameras, deployments, taxa and a span of time, as people write them in one line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from shoal.contract.errors import ConfigError, shown
from shoal.contract.units import utc_text
from shoal.settings.moments import in_utc
from shoal.tables.zone_rules import first_moment

_SEVERAL = {"camera": "cameras", "deployment": "deployments", "taxon": "taxa"}
_MOMENTS = {"from": "start", "to": "end"}
_WORD = re.compile(rf"(?:^|,)({'|'.join([*_SEVERAL, *_MOMENTS])})=")
"""Only before one of these words does a comma part anything: names may hold commas."""

EXAMPLE = "camera=IPC608,taxon=Coris julis,from=2026-06-01,to=2026-07-01"


@dataclass(frozen=True)
class Where:
    """A part of an answer; each field that is empty leaves nothing out.

    Attributes:
        cameras: Of these.
        taxa: Of detections and counts, these; images stay, as the effort beside them.
        start: From this instant on, UTC.
        end: Before this instant, UTC.
        deployments: Of these.
    """

    cameras: tuple[str, ...] = ()
    taxa: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    deployments: tuple[str, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str], zone: str = "UTC") -> "Where":
        """Read what a person wrote: `camera=a,camera=b,from=2026-06-01`, in one text or several.

        A value goes on until `,` and the next of the words, so that names may hold commas. A date is its midnight in the
        zone of the dataset's days; a moment without an offset is UTC.

        Args:
            texts: Each as in `EXAMPLE`.
            zone: The dataset's `report.zone`, an IANA name.

        Raises:
            ConfigError: It is none, or leaves nothing.
        """
        several: dict[str, list[str]] = {name: [] for name in _SEVERAL.values()}
        moments: dict[str, datetime] = {}
        for word, value in _words(texts):
            if word in _SEVERAL:
                several[_SEVERAL[word]].append(value)
            elif _MOMENTS[word] in moments:
                raise ConfigError(f"--where names {word} twice - write it once")
            else:
                moments[_MOMENTS[word]] = _moment(word, value, zone)
        lists = {name: tuple(dict.fromkeys(values)) for name, values in several.items()}
        found = cls(**lists, start=moments.get("start"), end=moments.get("end"))
        if found.start is not None and found.end is not None and found.start >= found.end:
            raise ConfigError(
                f"--where from={utc_text(found.start)},to={utc_text(found.end)} leaves no time: to is not after from - write "
                "a later to"
            )
        return found

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Where()

    def to_json(self) -> dict[str, Any]:
        """Write it as export.json holds it."""
        return {
            "cameras": list(self.cameras),
            "deployments": list(self.deployments),
            "taxa": list(self.taxa),
            "from": None if self.start is None else utc_text(self.start),
            "to": None if self.end is None else utc_text(self.end),
        }


def _words(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        beginning, *parts = _WORD.split(text)
        if beginning or not parts:
            raise ConfigError(f"--where {shown(text, 200)!r} not understood - such as {EXAMPLE}")
        yield from zip(parts[::2], map(_said, parts[::2], parts[1::2]), strict=True)


def _said(word: str, value: str) -> str:
    if not value:
        raise ConfigError(f"--where {word}= names nothing - such as {EXAMPLE}")
    return value


def _moment(word: str, value: str, zone: str) -> datetime:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            return first_moment(date.fromisoformat(value), zone)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}T.+", value):
            return in_utc(datetime.fromisoformat(value)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ConfigError(
        f"--where {word}={shown(value, 100)} is no moment - write 2026-06-01, its midnight in {zone}, or 2026-06-01T06:00:00Z"
    )
