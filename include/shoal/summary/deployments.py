"""Deployments as the tables ask them, and what each gave: its effort, and how much of it lies in times without work."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from shoal.contract.units import utc_text
from shoal.settings.deployments import Deployment, NotWorking, Span
from shoal.settings.run_form import Window
from shoal.tables.session import Database

MICROSECOND = timedelta(microseconds=1)


def fill_spans(database: Database, deployments: Sequence[Deployment], window: Window) -> None:
    """Make the tables `deployment_spans` and `not_working_spans`, as far as they lie in a run's window.

    A bound that neither the dataset file nor the window gives is NULL. Of `not_working` those that overlap are one.

    Args:
        database: A session.
        deployments: All of the dataset.
        window: Which times the run looked at.
    """
    columns = "camera VARCHAR, deployment VARCHAR, start_at TIMESTAMP, end_at TIMESTAMP"
    database.run(f"CREATE OR REPLACE TABLE deployment_spans ({columns}, motion BOOLEAN, event_gap_us BIGINT)")
    database.run(f"CREATE OR REPLACE TABLE not_working_spans ({columns})")
    for stay in deployments:
        start, end = _within(_bounds(stay), window)
        gap = stay.gap_of_events
        if start is not None and end is not None and end <= start:
            continue
        database.run(
            "INSERT INTO deployment_spans VALUES (?, ?, ?, ?, ?, ?)",
            [stay.camera, stay.name, start, end, stay.is_released, gap and gap // MICROSECOND],
        )
        for pause in _joined(pause.span for pause in stay.not_working):
            first, last = _within((_naive(pause[0]), _naive(pause[1])), window)
            database.run("INSERT INTO not_working_spans VALUES (?, ?, ?, ?)", [stay.camera, stay.name, first, last])
    database.run("DELETE FROM not_working_spans WHERE end_at <= start_at")


def _bounds(stay: Deployment) -> tuple[datetime | None, datetime | None]:
    return (stay.start and _naive(stay.span[0])), (stay.end and _naive(stay.span[1]))


def _within(span: tuple[datetime | None, datetime | None], window: Window) -> tuple[datetime | None, datetime | None]:
    starts = [start for start in (span[0], window.start) if start is not None]
    ends = [end for end in (span[1], window.end) if end is not None]
    return max(starts, default=None), min(ends, default=None)


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def read_deployed(database: Database, deployments: Sequence[Deployment]) -> list[dict[str, Any]]:
    """Tell the effort of each deployment in the order of the dataset file, then of their cameras outside all of them.

    Args:
        database: Holds the tables `deployed` and `worked_days`.
        deployments: All of the dataset.
    """
    found = {(record["camera"], record["deployment"]): record for record in database.records("SELECT * FROM deployed")}
    worked = {
        (camera, name): round(billionths / 1e9, 6)
        for camera, name, billionths in database.run(
            "SELECT camera, deployment, sum(day_billionths)::BIGINT FROM worked_days GROUP BY ALL"
        ).fetchall()
    }
    cameras = sorted({stay.camera for stay in deployments})
    return [
        *(
            {
                **_tell(database, stay.camera, stay, found.get((stay.camera, stay.name))),
                "camera_days": worked.get((stay.camera, stay.name), 0.0) if stay.is_released else None,
            }
            for stay in deployments
        ),
        *(
            {**_tell(database, camera, None, found[camera, None]), "camera_days": None}
            for camera in cameras
            if (camera, None) in found
        ),
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
