"""Camera health: what the tables of an answer say is wrong with its cameras, each with a picture before and one of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shoal.evidence.frame import say_undated
from shoal.evidence.health.clocks import find_clock_jumps, find_frozen
from shoal.evidence.health.days import read_days, take_pictures
from shoal.evidence.health.finding import Finding, Trouble
from shoal.evidence.health.troubles import find_fallen_scores, find_troubles
from shoal.tables.session import Database

_NEAR = """
    SELECT key FROM pictures WHERE camera = $1 AND deployment = $2 AND captured_at >= $3 AND captured_at < $4
    ORDER BY abs(epoch(captured_at)::BIGINT // 86400 - $5), abs(epoch(captured_at)::BIGINT % 86400 - $6), key LIMIT 1
"""
"""The picture of a time that lies nearest to a day, and on that nearest to an hour."""

DAY = timedelta(days=1)


def find_health(database: Database) -> tuple[Finding, ...]:
    """Find the troubles of an answer's cameras, camera by camera in the order in which they began.

    Args:
        database: Holds the views of `view_answer`.
    """
    take_pictures(database)
    days = list(read_days(database))
    found = [*find_frozen(database), *find_clock_jumps(database)]
    frozen = list(found)
    for camera in days:
        found.extend(one for one in find_troubles(camera) if not _is_frozen(one, frozen))
    for camera in days:
        series = camera.camera, camera.deployment
        known = [one for one in found if (one.camera, one.deployment) == series and one.trouble is not Trouble.CLOCK]
        found.extend(find_fallen_scores(camera, known))
    shown = [_with_pictures(database, one) for one in found]
    return tuple(sorted(shown, key=lambda one: (one.camera, one.deployment, one.start, one.trouble)))


def why_none(dataset: str, uses: Mapping[str, int]) -> str:
    """Say what may be why nothing was found in an answer.

    Args:
        dataset: Its name.
        uses: Examined images by use.
    """
    return say_undated(dataset, uses) or "a camera with less than ten days of images cannot show much"


def _is_frozen(found: Finding, known: Sequence[Finding]) -> bool:
    """Whether a picture that was frozen then is all there is to it."""
    around = found.start - DAY, found.start + DAY
    return any(
        one.trouble is Trouble.FROZEN
        and (one.camera, one.deployment) == (found.camera, found.deployment)
        and one.overlaps(*around)
        for one in known
    )


def _with_pictures(database: Database, found: Finding) -> Finding:
    """Add a picture of the day before it and one of its first days, both of one hour; those that name theirs keep them."""
    if found.after is not None:
        return found
    start = found.start.replace(tzinfo=None)
    if found.trouble is not Trouble.FOULING:
        before, after = (
            _picture(database, found, start - 3 * DAY, start, start - DAY),
            _picture(database, found, start, start + 3 * DAY, start),
        )
        return replace(found, before=before, after=after)
    # A lens that fouls shows it at the end.
    last = found.end or database.value("SELECT max(captured_at) FROM pictures WHERE camera = ?", [found.camera])
    end = last.replace(tzinfo=None)
    before, after = (
        _picture(database, found, start, start + 3 * DAY, start),
        _picture(database, found, start, end, end - DAY),
    )
    return replace(found, before=before, after=after)


def _picture(database: Database, found: Finding, first: datetime, last: datetime, nearest: datetime) -> str | None:
    day = (nearest.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    return database.value(_NEAR, [found.camera, found.deployment, first, last, day, found.hour_s])  # type: ignore[no-any-return]
