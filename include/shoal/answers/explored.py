"""One taxon of an answer over days, hours and scores, beside its effort: what somebody looks through, from any score on.

Counts never cross cameras. A page draws what is read here and counts nothing itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from shoal.contract.errors import ConfigError, shown
from shoal.tables.session import Database

THRESHOLDS = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Scores that counts are given at, as the object `explore` has them."""

STEPS = 101
"""Hundredths of a score, 0 to 1."""


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Attributes:
        taxon: Of which detections are counted.
        cameras: Of these, in this order.
        start: From this day of report.zone on; None where the answer begins.
        end: Before this day; None where it ends.
        conf: From this score on; None: what the answer itself counts.
    """

    taxon: str
    cameras: tuple[str, ...]
    start: date | None = None
    end: date | None = None
    conf: float | None = None


@dataclass(frozen=True)
class DayCount:
    """A day of one camera on which somebody looked.

    Attributes:
        images: Used images.
        detections: Of the taxon.
        camera_days: Part of the day in which a camera that is released was at work; None of one that looks by the clock.
    """

    images: int
    detections: int
    camera_days: float | None = None


@dataclass(frozen=True)
class CameraCounts:
    """What one camera saw of a taxon.

    Attributes:
        camera: It.
        days: By day those with effort: one without is a gap.
        hours: Images and detections of each hour of the day.
        solar: Whether hours are the sun's.
    """

    camera: str
    days: Mapping[date, DayCount]
    hours: tuple[tuple[int, int], ...]
    solar: bool


@dataclass(frozen=True)
class Explored:
    """One taxon.

    Attributes:
        cameras: What each saw.
        scores: Boxes by hundredths of a score, those that count or not.
        best_scores: Images by the hundredth of their best box.
        counted: Boxes that count, by what is asked for.
        images_with: Images with such a box.
        own: Both, as the answer itself counts.
        at: Threshold, boxes and images with a box from this score on.
    """

    cameras: tuple[CameraCounts, ...]
    scores: tuple[int, ...]
    best_scores: tuple[int, ...]
    counted: int
    images_with: int
    own: tuple[int, int]

    @property
    def at(self) -> list[tuple[float, int, int]]:
        """Count from each threshold on."""
        return [
            (conf, sum(self.scores[round(conf * 100) :]), sum(self.best_scores[round(conf * 100) :]))
            for conf in THRESHOLDS
        ]


@dataclass(frozen=True)
class CameraEffort:
    """How much a camera looked in all."""

    camera: str
    images: int
    first: date
    last: date


@dataclass(frozen=True)
class TaxonCount:
    """How often a taxon is there in what is asked for: boxes, and images with one."""

    taxon: str
    detections: int
    images_with: int


def list_cameras(database: Database) -> list[CameraEffort]:
    """List the cameras with used images, those with most images first."""
    return [
        CameraEffort(**row)
        for row in database.records(
            "SELECT camera, sum(images)::BIGINT AS images, min(day) AS first, max(day) AS last "
            "FROM looked_images JOIN looked_cameras USING (camera_n) GROUP BY camera ORDER BY images DESC, camera"
        )
    ]


def list_taxa(database: Database, asked: Asked) -> list[TaxonCount]:
    """Count all taxa in what is asked for, the most frequent first; `asked.taxon` is passed over."""
    where, parameters = _conditions(asked)
    of_best, of_images = _conditions(asked)
    return [
        TaxonCount(**row)
        for row in database.records(
            f"WITH boxes AS (SELECT taxon_n, count(*) AS detections FROM looked_boxes WHERE {where} GROUP BY 1), "
            f"best AS (SELECT taxon_n, count(*) AS images_with FROM looked_best WHERE {of_best} GROUP BY 1) "
            "SELECT taxon, coalesce(detections, 0)::BIGINT AS detections, coalesce(images_with, 0)::BIGINT AS images_with "
            "FROM looked_taxa LEFT JOIN boxes USING (taxon_n) LEFT JOIN best USING (taxon_n) ORDER BY detections DESC, taxon",
            [*parameters, *of_images],
        )
    ]


def read_explored(database: Database, asked: Asked) -> Explored:
    """Read one taxon.

    Raises:
        ConfigError: The answer does not know it.
    """
    number = database.value("SELECT taxon_n FROM looked_taxa WHERE taxon = ?", [asked.taxon])
    if number is None:
        known = [name for (name,) in database.run("SELECT taxon FROM looked_taxa ORDER BY taxon_n LIMIT 9").fetchall()]
        listed = ", ".join(shown(name, 80) for name in known[:8]) or "none"
        raise ConfigError(
            f"No taxon {shown(asked.taxon, 100)!r} in this answer - there are: {listed}{' …' if len(known) > 8 else ''}"
        )
    of_taxon = f"taxon_n = {number:d}"
    scores = _spread(database, f"SELECT step, count(*) FROM looked_boxes WHERE {of_taxon} AND {{}} GROUP BY 1", asked)
    best = _spread(database, f"SELECT step, count(*) FROM looked_best WHERE {of_taxon} AND {{}} GROUP BY 1", asked)
    counted, own = (_totals(database, of_taxon, one) for one in (asked, replace(asked, conf=None)))
    return Explored(tuple(_cameras(database, asked, of_taxon)), scores, best, *counted, own)


def _totals(database: Database, of_taxon: str, asked: Asked) -> tuple[int, int]:
    where, parameters = _conditions(asked)
    boxes, images = (
        int(database.value(f"SELECT count(*) FROM {table} WHERE {of_taxon} AND {where}", parameters))
        for table in ("looked_boxes", "looked_best")
    )
    return boxes, images


def _cameras(database: Database, asked: Asked, of_taxon: str) -> Iterator[CameraCounts]:
    images_by = "SELECT camera_n, {}, sum(images)::BIGINT FROM looked_images WHERE {} GROUP BY ALL"
    boxes_by = f"SELECT camera_n, {{}}, count(*) FROM looked_boxes WHERE {of_taxon} AND {{}} GROUP BY ALL"
    effort, boxes = _conditions(asked, by_score=False), _conditions(asked)
    by_day = _by_camera(database, images_by, "day", effort), _by_camera(database, boxes_by, "day", boxes)
    by_hour = _by_camera(database, images_by, "hour", effort), _by_camera(database, boxes_by, "hour", boxes)
    worked = _worked(database, asked)
    numbers = {
        camera: (number, solar)
        for number, camera, solar in database.run("SELECT camera_n, camera, solar FROM looked_cameras").fetchall()
    }
    for camera in asked.cameras:
        number, solar = numbers[camera]
        images, seen = by_day[0].get(number, {}), by_day[1].get(number, {})
        at_work = worked.get(camera, {})
        days = {
            day: DayCount(images.get(day, 0), seen.get(day, 0), at_work.get(day)) for day in sorted({*images, *at_work})
        }
        hours = tuple(
            (by_hour[0].get(number, {}).get(hour, 0), by_hour[1].get(number, {}).get(hour, 0)) for hour in range(24)
        )
        yield CameraCounts(camera, days, hours, solar)


def _worked(database: Database, asked: Asked) -> dict[str, dict[date, float]]:
    """Read for which part of each day cameras were at work that something releases; whoever counts days tells it."""
    found: dict[str, dict[date, float]] = {}
    for camera, day, days in database.run(
        "SELECT camera, local_day(bin_start), sum(camera_days) FROM (SELECT DISTINCT camera, deployment, bin_start, camera_days "
        "FROM counts_day WHERE camera_days IS NOT NULL AND camera IN (SELECT unnest(?::VARCHAR[]))) GROUP BY ALL",
        [list(asked.cameras)],
    ).fetchall():
        if (asked.start is None or day >= asked.start) and (asked.end is None or day < asked.end):
            found.setdefault(camera, {})[day] = days
    return found


def _by_camera(
    database: Database, sql: str, column: str, conditions: tuple[str, list[object]]
) -> dict[int, dict[Any, int]]:
    found: dict[int, dict[Any, int]] = {}
    for camera, value, count in database.run(sql.format(column, conditions[0]), conditions[1]).fetchall():
        found.setdefault(camera, {})[value] = count
    return found


def _spread(database: Database, sql: str, asked: Asked) -> tuple[int, ...]:
    span, parameters = _conditions(asked, by_score=False)
    found = dict(database.run(sql.format(span), parameters).fetchall())
    return tuple(found.get(step, 0) for step in range(STEPS))


def _conditions(asked: Asked, *, by_score: bool = True) -> tuple[str, list[object]]:
    """Write what is asked for as SQL; without the taxon, which is one or all."""
    words = ["camera_n IN (SELECT camera_n FROM looked_cameras WHERE camera IN (SELECT unnest(?::VARCHAR[])))"]
    parameters: list[object] = [list(asked.cameras)]
    if asked.start is not None:
        words.append("day >= ?")
        parameters.append(asked.start)
    if asked.end is not None:
        words.append("day < ?")
        parameters.append(asked.end)
    if by_score and asked.conf is None:
        words.append("counted")
    elif by_score:
        words.append("confidence >= ?::FLOAT")
        parameters.append(asked.conf)
    return " AND ".join(words), parameters
