"""Things that stand, as findings.json tells them: what a page shows of them, and what a person says there. It needs no numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shoal.contract.stored_json import reading, take
from shoal.contract.units import read_time
from shoal.evidence.repeats.decisions import Decision, Verdict, newest_of
from shoal.evidence.repeats.place import Place


@dataclass(frozen=True)
class Shot:
    """An image with it.

    Attributes:
        key: The image.
        object_version: As the run looked at it.
        box: Edges, as parts of the image.
    """

    key: str
    object_version: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Thing:
    """A cluster of boxes at one place.

    Attributes:
        id: Its name in this answer.
        place: Where.
        start: Since when, UTC.
        end: Until when.
        boxes: Images with a box there.
        images: Used images of the camera meanwhile.
        why: What speaks for it.
        shots: Images of it.
    """

    id: str
    place: Place
    start: datetime
    end: datetime
    boxes: int
    images: int
    why: str
    shots: tuple[Shot, ...]

    def last_word(self, decisions: Sequence[Decision]) -> Decision | None:
        """Find what was said last of all of its time; None where nobody did."""
        last = newest_of(decisions, self.place, self.start, self.end)
        return last if last is not None and last.start <= self.start and self.end <= last.end else None

    def decide(
        self, verdict: Verdict, decisions: Sequence[Decision], *, by: str, at: datetime, run_key: str
    ) -> Decision:
        """Write down what a person says of it.

        A confirmation is taken back at its own place and time: beside these some of its boxes would stay marked.
        """
        last = self.last_word(decisions)
        if verdict is Verdict.ANIMAL and last is not None and last.verdict is Verdict.REPEAT:
            return replace(last, verdict=verdict, by=by, at=at)
        return Decision(self.place, self.start, self.end, verdict, by, at, run_key, self.boxes, self.images)


def read_things(findings: Mapping[str, Any], name: str) -> tuple[Thing, ...]:
    """Take them from findings.json.

    Args:
        findings: It.
        name: What it is called where it is not what its format promises.

    Raises:
        ContractError: It is not.
    """
    with reading(name, "clear task summarize of its Dag run"):
        return tuple(_thing(one) for one in take(take(findings, "repeats", dict), "things", list))


def _thing(one: Mapping[str, Any]) -> Thing:
    x1, y1, x2, y2 = map(float, take(one, "place", list))
    return Thing(
        take(one, "id", str),
        Place(take(one, "camera", str), one["deployment"] or "", take(one, "taxon", str), x1, y1, x2, y2),
        read_time(take(one, "from", str)),
        read_time(take(one, "to", str)),
        take(one, "boxes", int),
        take(one, "images", int),
        take(one, "why", str),
        tuple(
            Shot(take(shot, "key", str), take(shot, "object_version", str), tuple(map(float, take(shot, "box", list))))  # type: ignore[arg-type]
            for shot in take(one, "shots", list)
        ),
    )
