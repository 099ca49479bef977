"""What deployments made of the times in a listing: a correction with the wrong sign is seen before anything is inferred."""

from collections.abc import Sequence
from typing import Any

from shoal.bucket.camera_spellings import find_spellings, spelling_words
from shoal.contract.errors import shown
from shoal.contract.units import counted, utc_text
from shoal.settings.deployments import Deployment
from shoal.tables.clock_times import read_keys
from shoal.tables.session import Database

_SHOWN_CAMERAS = 5


def read_correction_words(
    database: Database, deployments: Sequence[Deployment], *, full_scope: bool
) -> tuple[str, ...]:
    """Say which cameras are spelled in several ways, which times of a listing deployments correct, and what is odd in that.

    Reads: listing, times

    Args:
        database: A session with the listing and its times.
        deployments: All of the dataset.
        full_scope: Whether the listing is the whole dataset: in a part of it a camera may be absent and rightly written.
    """
    spellings = find_spellings(database, deployments)
    spelled = spelling_words(spellings, deployments)
    correcting = [stay for stay in deployments if stay.correction]
    if not correcting:
        return tuple(spelled)
    cameras = list(dict.fromkeys(stay.camera for stay in correcting))
    records = database.records(
        "SELECT camera, deployment, was_told(captured_at, clock_flag) AS dated, count(*) AS images, "
        "min(captured_at) AS first, max(captured_at) AS last, min(n) AS n "
        "FROM times WHERE list_contains(?::VARCHAR[], camera) GROUP BY ALL",
        [cameras],
    )
    keys = read_keys(database, [record["n"] for record in records if record["deployment"] is None])
    seen = {
        (record["camera"], record["deployment"], record["dated"]): {**record, "key": keys.get(record["n"])}
        for record in records
    }
    lines = [
        f"clock: deployment {stay.name} corrects camera {shown(stay.camera)} ({stay.correction}): {_span(found)}"
        for stay in correcting
        if (found := seen.get((stay.camera, stay.name, True)))
    ]
    for camera in cameras:
        of_camera = [stay for stay in correcting if stay.camera == camera]
        lines += _outside(camera, of_camera, seen.get((camera, None, True)))
    if not full_scope:
        return (*spelled, *lines)
    told = {camera for several in spellings for camera, _ in several}
    unseen = set(cameras) - {camera for camera, *_ in seen} - told
    return (*spelled, *lines, *_unseen(database, [stay for stay in correcting if stay.camera in unseen]))


def _unseen(database: Database, correcting: list[Deployment]) -> list[str]:
    """A camera that is written otherwise than in the keys would keep its wrong times without a word."""
    if not correcting:
        return []
    found = database.run(f"SELECT DISTINCT camera FROM times ORDER BY camera LIMIT {_SHOWN_CAMERAS}").fetchall()
    there = ", ".join(shown(camera, 40) for (camera,) in found) or "none"
    return [
        f"clock: no image in scope is of camera {shown(stay.camera)}, which deployment {stay.name} corrects "
        f"({stay.correction}) - write it as clock finds it in the keys: {there}"
        for stay in correcting
    ]


def _outside(camera: str, correcting: list[Deployment], found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    names = ", ".join(f"{stay.name} ({stay.correction})" for stay in correcting)
    return [
        (
            f"clock: {_span(found)} of camera {shown(camera)} in no deployment, corrected or not, such as {found['key']!r}: "
            f"the time stays as it is written - if {names} should have them, look at the sign: offset is added to what the "
            "camera wrote, start and end are true times in UTC"
        )
    ]


def _span(found: dict[str, Any]) -> str:
    first, last = utc_text(found["first"]), utc_text(found["last"])
    return f"{counted(found['images'], 'image')}, {first}{f' to {last}' if last != first else ''}"
