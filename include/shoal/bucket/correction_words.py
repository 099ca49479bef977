"""What deployments made of the times in a listing: a correction with the wrong sign is seen before anything is inferred."""

from collections.abc import Sequence
from typing import Any

from shoal.contract.errors import shown
from shoal.contract.units import utc_text
from shoal.settings.analysis import Clock
from shoal.settings.deployments import Deployment
from shoal.tables.capture_times import view_clocked
from shoal.tables.session import Database

_SEEN = """
SELECT camera, deployment, coalesce(clock_flag = 'contested', false) AS contested,
    count(*) AS images, min(captured_at) AS first, max(captured_at) AS last, min(key) AS key
FROM clocked WHERE captured_at IS NOT NULL OR clock_flag = 'contested'
GROUP BY ALL
"""


def read_correction_words(database: Database, clock: Clock, deployments: Sequence[Deployment]) -> tuple[str, ...]:
    """Say which times of a listing are corrected, and what is odd in that; nothing where no deployment corrects any.

    Reads: listing
    Makes: clocked
    """
    correcting = [stay for stay in deployments if stay.correction]
    if not correcting:
        return ()
    view_clocked(database, clock, deployments)
    seen = {(record["camera"], record["deployment"], record["contested"]): record for record in database.records(_SEEN)}
    lines = [
        f"clock: deployment {stay.name} corrects camera {shown(stay.camera)} ({stay.correction}): {_span(found)}"
        for stay in correcting
        if (found := seen.get((stay.camera, stay.name, False)))
    ]
    for camera in dict.fromkeys(stay.camera for stay in correcting):
        of_camera = [stay for stay in correcting if stay.camera == camera]
        lines += _contested(camera, seen.get((camera, None, True)))
        lines += _outside(camera, of_camera, seen.get((camera, None, False)))
    return tuple(lines)


def _contested(camera: str, found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    return [
        (
            f"clock: {found['images']} images of camera {shown(camera)} fit two of its deployments by their corrections, "
            f"such as {found['key']!r}: they have no capture time - correct offset, start or end, or let clock.pattern give what "
            "a wrong clock wrote a camera name of its own"
        )
    ]


def _outside(camera: str, correcting: list[Deployment], found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    names = ", ".join(f"{stay.name} ({stay.correction})" for stay in correcting)
    return [
        (
            f"clock: {_span(found)} of camera {shown(camera)} lie in no deployment, corrected or not, such as {found['key']!r}: "
            f"they keep the time that is written - if {names} should have them, look at the sign: offset is added to what the "
            "camera wrote, start and end are true times in UTC"
        )
    ]


def _span(found: dict[str, Any]) -> str:
    return f"{found['images']} images, {utc_text(found['first'])} to {utc_text(found['last'])}"
