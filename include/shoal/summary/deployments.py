"""What each deployment gave: its effort, and how much of it lies in times that it is said not to have worked."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from shoal.contract.units import utc_text
from shoal.settings.deployments import Deployment, NotWorking
from shoal.tables.session import Database


def read_deployed(database: Database, deployments: Sequence[Deployment]) -> list[dict[str, Any]]:
    """Tell the effort of each deployment in the order of the dataset file, then of their cameras outside all of them.

    Args:
        database: Holds the view `deployed`.
        deployments: All of the dataset.
    """
    found = {(record["camera"], record["deployment"]): record for record in database.records("SELECT * FROM deployed")}
    cameras = sorted({stay.camera for stay in deployments})
    return [
        *(_tell(database, stay.camera, stay, found.get((stay.camera, stay.name))) for stay in deployments),
        *(_tell(database, camera, None, found[camera, None]) for camera in cameras if (camera, None) in found),
    ]


def _tell(database: Database, camera: str, stay: Deployment | None, found: dict[str, Any] | None) -> dict[str, Any]:
    first, last = (found and found[name] for name in ("first_image", "last_image"))
    return {
        "camera": camera,
        "deployment": stay and stay.name,
        "images": found["images"] if found else 0,
        "first_image": first and utc_text(first),
        "last_image": last and utc_text(last),
        "not_working": list(_pauses(database, stay) if stay else ()),
    }


def _pauses(database: Database, stay: Deployment) -> Iterator[dict[str, Any]]:
    for pause in stay.not_working:
        yield {
            "from": utc_text(pause.span[0]),
            "to": utc_text(pause.span[1]),
            "reason": pause.reason,
            "images": _count(database, stay, pause),
        }


def _count(database: Database, stay: Deployment, pause: NotWorking) -> int:
    start, end = (_naive(moment) for moment in pause.span)
    sql = "SELECT images FROM images_between(?, ?, ?, ?)"
    return int(database.value(sql, [stay.camera, stay.name, start, end]))


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
