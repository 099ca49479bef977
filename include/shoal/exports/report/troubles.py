"""The report's section on cameras: each trouble with a picture before and one of it, where one may be shown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.contract.errors import shown
from shoal.evidence.answer_evidence import AnswerEvidence, count_health
from shoal.evidence.health.again import lasts
from shoal.evidence.health.found import why_none
from shoal.exports.report.pictures import Picture
from shoal.pictures.drawing import Drawing
from shoal.tables.session import Database

MOST_SHOWN = 4
"""Troubles with pictures, those that last and the latest ones first: a report's pictures have little room."""

NAMES = {
    "fouling": "lens fouls",
    "lights": "lamps fail",
    "dark": "all dark",
    "moved": "camera was moved",
    "frozen": "picture is frozen",
    "clock": "clock leaps",
    "scores": "scores fall",
}
"""What each trouble is called."""

_IMAGES = """
    SELECT key, object_version, size_bytes, content_sha256, camera, captured_at, key IN (SELECT key FROM unshown) AS is_hidden
    FROM images WHERE list_contains(?::VARCHAR[], key)
"""


@dataclass(frozen=True)
class TroubleText:
    """A trouble as the report tells it.

    Attributes:
        camera: Whose.
        deployment: In which deployment; empty without one.
        what: What is wrong.
        start: Since when, UTC.
        end: Until when; empty while it lasts, and of a moment.
        lasts: Whether it goes on.
        size: How much, with its unit.
        why: What shows it.
        before: A picture before it; None where there is none, or it may not be shown.
        after: One of it, likewise.
    """

    camera: str
    deployment: str
    what: str
    start: str
    end: str
    lasts: bool
    size: str
    why: str
    before: Picture | None = None
    after: Picture | None = None


@dataclass(frozen=True)
class MoreTroubles:
    """That an answer has more troubles than are told of, as report and page say it.

    Attributes:
        told: How many are.
        found: How many there are.
        command: Lists all.
    """

    told: int
    found: int
    command: str

    @property
    def part(self) -> str:
        """How many of how many are told."""
        return f"{self.told:,} of {self.found:,}"

    @property
    def words(self) -> str:
        """What is to be said, before the command."""
        return f"And {self.found - self.told:,} more, which are over or earlier. All of them:"


def tell_more(findings: Mapping[str, Any] | None, dataset: str) -> MoreTroubles | None:
    """Say how many troubles an answer has beyond those that are told of; None where it has none."""
    if not findings or (found := count_health(findings)) == (told := len(findings["health"])):
        return None
    return MoreTroubles(told, found, f"python -m shoal health {dataset}")


def tell_none(result: Mapping[str, Any]) -> str:
    """Say, as a sentence, what may be why an answer shows no trouble."""
    words = why_none(result["dataset"], result["balance"])
    return f"{words[0].upper()}{words[1:]}."


def ask_troubles(database: Database, evidence: AnswerEvidence | None) -> list[Picture]:
    """Name the pictures of the latest troubles: before and of it, of the same hour; nobody who is in one is shown.

    Reads: images, unshown

    Args:
        database: Holds the tables of the summary.
        evidence: What stands beside the numbers.
    """
    found = first_pictured(_health(evidence), MOST_SHOWN)
    keys = [key for one in found for key in (one["before"], one["after"]) if key]
    rows = {row["key"]: row for row in database.records(_IMAGES, [keys])} if keys else {}
    return [
        _picture(rows[key], one, what)
        for one in found
        for what in ("before", "after")
        if (key := one[what]) in rows and not rows[key]["is_hidden"]
    ]


def tell_troubles(evidence: AnswerEvidence | None, pictures: Sequence[Picture]) -> list[TroubleText]:
    """Tell all troubles, each with its pictures as far as there are any."""
    drawn = {(one.key, one.kind): one for one in pictures}
    return [
        TroubleText(
            shown(one["camera"]) or "(no name)",
            shown(one["deployment"] or ""),
            name_of(one),
            one["from"],
            one["to"] or "",
            lasts(one),
            f"{one['size']:.3g} {one['unit']}",
            shown(one["why"], 300),
            drawn.get((one["before"], "before")),
            drawn.get((one["after"], "after")),
        )
        for one in in_order(_health(evidence))
    ]


def tell_repeats(result: Mapping[str, Any], findings: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Give by taxon both numbers of boxes that stand for days: those that people confirmed, and those that wait for them."""
    confirmed = {one["taxon"]: one for one in result.get("repeats", {}).get("taxa", ())}
    found = findings["repeats"]["taxa"] if findings else ()
    waiting = {one["taxon"]: one["open"] for one in found if one["open"]}
    detections = {one["taxon"]: one["detections"] for one in result["species"]}
    return [
        {
            "taxon": taxon,
            "detections": detections.get(taxon, 0),
            "confirmed": (known := confirmed.get(taxon, {}).get("repeats", 0)),
            "without": detections.get(taxon, 0) - known,
            "open": waiting.get(taxon, 0),
        }
        for taxon in sorted(confirmed.keys() | waiting.keys())
        if confirmed.get(taxon, {}).get("repeats", 0) or waiting.get(taxon, 0)
    ]


def name_of(one: Mapping[str, Any]) -> str:
    """Call a trouble by its name, with whether pictures explain it."""
    name = NAMES.get(one["trouble"], shown(one["trouble"]))
    unexplained = {True: ", as pictures explain", False: ", which no picture explains"}
    return name + unexplained.get(one["explained"], "")


def _health(evidence: AnswerEvidence | None) -> Sequence[Mapping[str, Any]]:
    return evidence.findings["health"] if evidence and evidence.findings else ()


def in_order(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Put those that last first, then the latest: so they are told, and so pictures are chosen where there is room for few."""
    return sorted(found, key=lambda one: (lasts(one), one["from"], one["camera"], one["trouble"]), reverse=True)


def first_pictured(found: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Take those whose pictures are shown where there is room for so many."""
    return [one for one in in_order(found) if one["before"] or one["after"]][:most]


def _picture(row: Mapping[str, Any], one: Mapping[str, Any], what: str) -> Picture:
    drawing = Drawing(row["key"], row["object_version"], row["size_bytes"], content_sha256=row["content_sha256"] or "")
    moment = row["captured_at"].strftime("%Y-%m-%dT%H:%M:%SZ")
    return Picture("", what, row["key"], row["camera"] or "", moment, name_of(one), drawing)


def pictured(troubles: Sequence[TroubleText]) -> Iterator[TroubleText]:
    """Take those with a picture."""
    yield from (one for one in troubles if one.before or one.after)
