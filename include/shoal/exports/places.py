"""The stays of cameras as packages need them: where, from when to when, and what of that nobody wrote.

The same stays for every package: a position is rounded once, here, and what has none is left out and counted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shoal.answers.where import Where
from shoal.contract.errors import ConfigError
from shoal.contract.units import utc_text
from shoal.exports.export import Answer
from shoal.settings.deployments import Deployment
from shoal.tables.session import Database

_METRES_OF_A_DEGREE = 111_320.0
"""Of latitude, and of longitude at the equator: WGS84's semi-major axis, 6,378,137 m, times pi / 180, rounded up."""


_WORKED = """
SELECT camera, deployment, min(bin_start), max(bin_end) FROM counts_day WHERE camera_days > 0 GROUP BY ALL
"""
"""Something releases these cameras: one that nothing came by took no image, and was at work all the same."""


@dataclass(frozen=True)
class Place:
    """A stay whose position may be published.

    Attributes:
        name: Of camera and stay, unique in the dataset.
        stay: As the dataset file has it.
        latitude: Degrees, rounded as `publish.coordinate_digits` says.
        longitude: Likewise.
        uncertainty_m: Within so many metres of that it was, by the rounding; None where nothing was rounded.
        start: First moment of what is exported, UTC.
        end: Its last.
    """

    name: str
    stay: Deployment
    latitude: float
    longitude: float
    uncertainty_m: int | None
    start: datetime
    end: datetime

    @property
    def pauses(self) -> list[str]:
        """The times in which the camera did not work, in words."""
        return [
            f"not working from {utc_text(pause.span[0])} to {utc_text(pause.span[1])}: {pause.reason}"
            for pause in self.stay.not_working
        ]


@dataclass(frozen=True)
class Places:
    """All of them, and what had to be made up or left out.

    Attributes:
        known: In the order of the dataset file.
        without: How many of what is not in them, by what it is.
    """

    known: tuple[Place, ...]
    without: Mapping[str, int] = field(default_factory=dict)

    def unsaid_pauses(self, where_they_stand: str) -> dict[str, int]:
        """Count times without work, which a format has no field for."""
        pauses = sum(len(place.pauses) for place in self.known)
        return {f"times in which a camera did not work ({where_they_stand})": pauses} if pauses else {}


def find_places(database: Database, answer: Answer, where: Where) -> Places:
    """Find the stays with a position and images or days at work, and make the table `places`: name, camera, deployment, motion.

    Args:
        database: Holds the views of `view_answer`.
        answer: Whose plan has the stays, and whose dataset file their positions.
        where: What is asked for: a stay is known within that time.
    """
    described = answer.described
    positions = {(stay.camera, stay.name): stay for stay in described.deployments}
    taken = {
        (camera, deployment): (first, last)
        for camera, deployment, first, last in database.run(
            "SELECT camera, deployment, min(captured_at), max(captured_at) FROM images WHERE captured_at IS NOT NULL GROUP BY ALL"
        ).fetchall()
    }
    worked = {
        (camera, deployment): (first, last) for camera, deployment, first, last in database.run(_WORKED).fetchall()
    }
    newest = _newest(database, answer)
    if newest is None:
        _keep(database, ())
        return Places(())
    asked_until = where.end and naive(where.end)
    known: list[Place] = []
    without = {
        "deployments without a position": 0,
        "starts that no deployment says (that of its first image stands there)": 0,
        "ends that are not known yet (the newest image's time stands there)": 0,
    }
    nowhere, unstarted, open_ended = without
    for planned in answer.plan.settings.deployments:
        # Where it was is no number, so that the dataset file of today may say it; from when to when is of the run.
        stay = _at(planned, positions.get((planned.camera, planned.name)))
        images = taken.get((stay.camera, stay.name), worked.get((stay.camera, stay.name)))
        if images is None:
            continue  # nothing of it is asked for, or it was never at work: no row would name it
        if stay.latitude is None or stay.longitude is None:
            without[nowhere] += 1
            continue
        start, end = stay.start and naive(stay.span[0]), stay.end and naive(stay.span[1])
        without[unstarted] += start is None
        if end is None or end > newest:
            without[open_ended] += asked_until is None or asked_until > newest
            end = newest
        first = max(moment for moment in (start or images[0], where.start and naive(where.start)) if moment)
        last = min(moment for moment in (end, asked_until) if moment)
        known.append(_placed(stay, described.publish.coordinate_digits, first, max(first, last)))
    _keep(database, known)
    return Places(tuple(known), {what: count for what, count in without.items() if count})


def _newest(database: Database, answer: Answer) -> datetime | None:
    """Until when deployments without an end, or with one to come, are known: the newest image, whatever was found out of it.

    Of the whole dataset the used ones are told, of the time asked for the tables have all.
    """
    told = [*answer.result["series"], *answer.result["deployments"]]
    moments = [naive(datetime.fromisoformat(one["last_image"])) for one in told if one["last_image"]]
    seen = database.value("SELECT max(captured_at) FROM around_images")
    return max([*moments, *([seen] if seen else [])], default=None)


def need_places(database: Database, export: str, lines: str) -> None:
    """Check that something that is asked for lies in a place.

    Args:
        database: Holds the view `images`, and what `find_places` made.
        export: Name of the export.
        lines: What each deployment needs, in words.

    Raises:
        ConfigError: Nothing does; a package of nothing is none.
    """
    uses = dict(database.run("SELECT use, count(*)::BIGINT FROM images GROUP BY 1").fetchall())
    if not uses.get("used"):
        found = ", ".join(f"{count} {use}" for use, count in sorted(uses.items())) or "there is none"
        raise ConfigError(
            f"Export {export}: no image asked for was used ({found}) - the run's report says why, or ask for others"
        )
    if not database.value(
        "SELECT count(*) FROM images SEMI JOIN places USING (camera, deployment) WHERE captured_at IS NOT NULL"
    ):
        raise ConfigError(
            f"Export {export}: no image asked for lies in a deployment with a position - give deployments {lines} in the "
            "dataset file, or ask for others"
        )


def count_unplaced(database: Database) -> dict[str, int]:
    """Count images, and what was found in used ones, that no place has: a package of places holds none of them.

    Args:
        database: Holds the views of `view_answer`, and what `find_places` made.
    """
    images = "SELECT count(*) FROM images WHERE captured_at IS NOT NULL AND "
    nowhere = (
        "(captured_at IS NULL OR (camera, deployment) NOT IN (SELECT (camera, deployment) FROM places) IS NOT FALSE)"
    )
    counted = {
        "images without a capture time": database.value("SELECT count(*) FROM images WHERE captured_at IS NULL"),
        "images that repeat another one": database.value(f"{images} use = 'duplicate'"),
        "images outside all deployments with a position": database.value(f"{images} use <> 'duplicate' AND {nowhere}"),
        "detections in used images outside all deployments with a position": database.value(
            f"SELECT count(*) FROM detections WHERE role = 'count' AND use = 'used' AND {nowhere}"
        ),
    }
    return {what: int(count) for what, count in counted.items() if count}


def count_unused(database: Database) -> dict[str, int]:
    """Count the dated images of places that are in no number, as unusable or failed.

    Args:
        database: As for `count_unplaced`.
    """
    unused = int(
        database.value(
            "SELECT count(*) FROM images JOIN places USING (camera, deployment) "
            "WHERE captured_at IS NOT NULL AND use IN ('unusable', 'failed')"
        )
    )
    return {"images that are not used, as unusable or failed": unused} if unused else {}


def precision_of(digits: int | None) -> float | None:
    """Tell to which fraction of a degree positions are rounded; None where they are not."""
    return None if digits is None else round(10.0**-digits, digits)


def _at(stay: Deployment, now: Deployment | None) -> Deployment:
    names = ("latitude", "longitude", "depth_m")
    return stay if now is None else stay.model_copy(update={name: getattr(now, name) for name in names})


def rounded_position(stay: Deployment | None, digits: int | None) -> tuple[float | None, float | None]:
    """Give a stay's latitude and longitude as they may be published; None where it has none."""
    if stay is None or stay.latitude is None or stay.longitude is None:
        return None, None
    if digits is None:
        return stay.latitude, stay.longitude
    return round(stay.latitude, digits) + 0.0, round(stay.longitude, digits) + 0.0  # no -0.0


def _placed(stay: Deployment, digits: int | None, start: datetime, end: datetime) -> Place:
    latitude, longitude = rounded_position(stay, digits)
    if latitude is None or longitude is None:
        raise AssertionError("it has a position")
    uncertainty = None if digits is None else uncertainty_m(latitude, digits)
    return Place(f"{stay.camera}/{stay.name}", stay, latitude, longitude, uncertainty, start, end)


def uncertainty_m(latitude: float, digits: int) -> int:
    """Tell how far a corner of the cell of rounding is from its middle at most: where the cell is widest, towards the equator."""
    half = 0.5 * 10.0**-digits
    widest = math.cos(math.radians(max(0.0, abs(latitude) - half)))
    return max(1, math.ceil(half * _METRES_OF_A_DEGREE * math.hypot(1.0, widest)))


def _keep(database: Database, known: Sequence[Place]) -> None:
    database.run(
        "CREATE OR REPLACE TABLE places (name VARCHAR, camera VARCHAR, deployment VARCHAR, method VARCHAR, motion BOOLEAN)"
    )
    for place in known:
        stay = place.stay
        row = [place.name, stay.camera, stay.name, stay.capture_method, stay.is_released]
        database.run("INSERT INTO places VALUES (?, ?, ?, ?, ?)", row)


def naive(moment: datetime) -> datetime:
    """Write a moment as tables do: in UTC, without saying so."""
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).replace(tzinfo=None)


def newest_upload(database: Database) -> datetime:
    """Tell when the newest of the images was written to the bucket: the time of a package that follows from its images alone."""
    found: datetime = database.value("SELECT max(last_modified) FROM images")
    return found
