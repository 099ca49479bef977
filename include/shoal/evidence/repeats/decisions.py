"""What people said of repeat detections: one object each, named by its content, never replaced.

A later one about the same place and time counts in place of the earlier one, so a person may take back what was said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import Any

from shoal.contract.errors import ContractError, shown
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import CONTENT, FORMAT_VERSION, DatasetLayout
from shoal.contract.stored_json import take
from shoal.contract.stored_names import read_repeat
from shoal.contract.units import read_time, utc_text
from shoal.evidence.repeats.place import NEAR_IOU, Place, overlap_of
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database

LEAST_IOU = 0.6
"""From here on a box lies at the place that a decision names: it is written into the object, which means the same for good."""


class Verdict(StrEnum):
    """What a person took a cluster for."""

    REPEAT = "repeat"
    """A rock, a cable, fouling: its boxes are no animals."""
    ANIMAL = "animal"
    """Its boxes are what the model says."""


@dataclass(frozen=True)
class Decision:
    """What a person said of one place in one time.

    Attributes:
        place: Where.
        start: UTC.
        end: UTC; a box at this moment is not of it.
        verdict: What was said.
        by: Who said it.
        at: When, UTC.
        run_key: Of the answer in which it was found.
        boxes: How many there were then.
        images: Used images of the camera in that time, then.
        least_iou: From here on a box lies at the place.
    """

    place: Place
    start: datetime
    end: datetime
    verdict: Verdict
    by: str
    at: datetime
    run_key: str
    boxes: int
    images: int
    least_iou: float = LEAST_IOU

    @property
    def id(self) -> str:
        """Its name: what `detections.repeat` has."""
        return canonical_sha256(self.to_json())[:CONTENT]

    def to_json(self) -> dict[str, Any]:
        """Write it as it is stored."""
        return {
            "format_version": FORMAT_VERSION,
            "camera": self.place.camera,
            "deployment": self.place.deployment or None,
            "taxon": self.place.taxon,
            "place": list(self.place.edges),
            "least_iou": self.least_iou,
            "from": utc_text(self.start),
            "to": utc_text(self.end),
            "verdict": str(self.verdict),
            "by": self.by,
            "at": utc_text(self.at),
            "run_key": self.run_key,
            "boxes": self.boxes,
            "images": self.images,
        }

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "Decision":
        """Read one as it is stored.

        Raises:
            KeyError: A field is missing.
            TypeError: One is of another type.
            ValueError: One says what cannot be.
        """
        edges = [float(edge) for edge in take(stored, "place", list)]
        x1, y1, x2, y2 = edges
        if not all(map(isfinite, edges)) or not (x1 < x2 and y1 < y2):
            raise ValueError(f"place {edges} is no box")
        deployment = "" if stored["deployment"] is None else take(stored, "deployment", str)
        start, end = read_time(take(stored, "from", str)), read_time(take(stored, "to", str))
        if start >= end:
            raise ValueError(f"from {utc_text(start)} is not before to {utc_text(end)}")
        return cls(
            Place(take(stored, "camera", str), deployment, take(stored, "taxon", str), x1, y1, x2, y2),
            start,
            end,
            Verdict(take(stored, "verdict", str)),
            take(stored, "by", str),
            read_time(take(stored, "at", str)),
            take(stored, "run_key", str),
            take(stored, "boxes", int),
            take(stored, "images", int),
            take(stored, "least_iou", float),
        )


def write_decision(results: ObjectStore, layout: DatasetLayout, decision: Decision) -> str:
    """Store what a person said; return its key."""
    key = layout.repeat(decision.id)
    results.write_json(key, decision.to_json())
    return key


def read_decisions(
    results: ObjectStore, layout: DatasetLayout, ids: Iterable[str] | None = None
) -> tuple[Decision, ...]:
    """Read what people said, the earliest first.

    Args:
        results: The results bucket.
        layout: The dataset.
        ids: Of these; None for all there are.

    Raises:
        ContractError: One is gone, or is not what its name says.
    """
    if ids is None:
        ids = [found for key in results.list_keys(layout.repeats) if (found := read_repeat(key))]
    decisions = [_read(results, layout, one) for one in ids]
    return tuple(sorted(decisions, key=lambda one: (one.at, one.id)))


def _read(results: ObjectStore, layout: DatasetLayout, named: str) -> Decision:
    key = layout.repeat(str(named))
    if read_repeat(key) != named:
        raise ContractError(
            f"{shown(str(named), 60)!r} names no decision about a repeat detection - restore summary.json"
        )
    stored = results.read_json(key)
    if canonical_sha256(stored)[:CONTENT] != named:
        raise ContractError(
            f"{key} in bucket {results.bucket!r} was changed: its name is not that of its content - restore it, or delete it"
        )
    try:
        return Decision.parse(stored)
    except (KeyError, TypeError, ValueError) as err:
        raise ContractError(
            f"{key} in bucket {results.bucket!r} is no decision about a repeat detection ({err}) - delete it, and say it again "
            f"with python -m shoal repeats {layout.dataset}"
        ) from err


def names_sha256(decisions: Sequence[Decision]) -> str | None:
    """Hash which decisions there are; None where there are none."""
    return canonical_sha256(sorted(one.id for one in decisions)) if decisions else None


def newest_of(decisions: Sequence[Decision], place: Place, start: datetime, end: datetime) -> Decision | None:
    """Find what was said last of a place and a time; None where nothing was."""
    about = [
        one
        for one in decisions
        if one.place.is_of(place)
        and one.start < end
        and start < one.end
        and overlap_of(one.place.edges, place.edges) >= NEAR_IOU
    ]
    return max(about, key=lambda one: (one.at, one.id), default=None)


def load_decisions(database: Database, decisions: Sequence[Decision], table: str = "decisions") -> None:
    """Make decisions a table, with the place of each in the order in which they were said."""
    database.run(f"""
        CREATE OR REPLACE TABLE {table} (
            said INTEGER, id VARCHAR, is_repeat BOOLEAN, camera VARCHAR, deployment VARCHAR, taxon VARCHAR,
            x1 DOUBLE, y1 DOUBLE, x2 DOUBLE, y2 DOUBLE, least_iou DOUBLE, start_at TIMESTAMP, end_at TIMESTAMP)
    """)
    for said, one in enumerate(decisions):
        place, times = one.place, [moment.replace(tzinfo=None) for moment in (one.start, one.end)]
        series = (place.camera, place.deployment, place.taxon)
        database.run(
            f"INSERT INTO {table} VALUES ({', '.join('?' * 13)})",
            [said, one.id, one.verdict is Verdict.REPEAT, *series, *place.edges, one.least_iou, *times],
        )


def mark_boxes(database: Database, decisions: Sequence[Decision]) -> None:
    """Make the table `repeat_boxes` of a summary: the boxes that are confirmed repeats, each with the decision's name.

    Reads: detections, images
    """
    load_decisions(database, decisions)
    database.run(f"CREATE OR REPLACE TABLE repeat_boxes AS {mark('detections', 'images')}")


def mark(boxes: str, images: str, decisions: str = "decisions") -> str:
    """Write the query for the boxes that are confirmed repeats: `key`, `position` and the decision's name as `repeat`.

    Args:
        boxes: Table or view of boxes.
        images: Table or view of images, for their camera, deployment, time and size.
        decisions: The table of decisions.
    """
    return f"""
    SELECT key, position, arg_max(id, said) AS repeat FROM (
        SELECT b.key, b.position, p.said, p.is_repeat, p.id,
            greatest(0, least(b.x2 / i.width, p.x2) - greatest(b.x1 / i.width, p.x1))
                * greatest(0, least(b.y2 / i.height, p.y2) - greatest(b.y1 / i.height, p.y1)) AS common,
            (b.x2 - b.x1) / i.width * ((b.y2 - b.y1) / i.height) + (p.x2 - p.x1) * (p.y2 - p.y1) - common AS either
        FROM {boxes} AS b JOIN {images} AS i ON b.key = i.key JOIN {decisions} AS p
            ON coalesce(i.camera, '') = p.camera AND coalesce(i.deployment, '') = p.deployment AND b.taxon = p.taxon
                AND i.captured_at >= p.start_at AND i.captured_at < p.end_at
        WHERE b.role = 'count' AND i.use = 'used' AND i.width > 0 AND i.height > 0 AND common >= p.least_iou * either
    ) GROUP BY key, position HAVING arg_max(is_repeat, said)
"""
