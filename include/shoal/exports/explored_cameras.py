"""What `explore` tells of a camera: its effort, when it looked, and when it did not."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shoal.contract.units import utc_text
from shoal.exports.explored_bins import spread, told_bins
from shoal.tables.session import Database

MOST_GAPS = 200
"""Gaps told of each camera, the longest."""


def read_camera(database: Database, camera: Mapping[str, Any], since: Mapping[str, datetime | None]) -> dict[str, Any]:
    """Read a camera, by its line of `explored_cameras`; `since` says from when on days and months are told."""
    name = camera["camera"]
    by_bin = _read_bins(database, name, since)
    hours = database.records("FROM explored_hours WHERE camera = ?", [name])
    solar = any(entry["solar"] for entry in hours)
    return {
        "camera": name,
        "from": utc_text(camera["start_at"]),
        "to": utc_text(camera["end_at"]),
        "images": camera["images"],
        "day": by_bin.get("day"),
        "month": by_bin.get("month"),
        "hour_of_day": {
            "clock": "sun" if solar else "zone",
            "images": spread(hours, "hour", "images", 24),
            "night_images": spread(hours, "hour", "night_images", 24) if solar else None,
        },
        "month_of_year": {
            "images": spread(
                database.records("FROM explored_months WHERE camera = ?", [name]),
                "month", "images", 12,
            )
        },
        "sampling_changes": database.records(
            "SELECT strftime(local_time(month_start), '%Y-%m-%d') AS \"from\", before_per_day, per_day "
            "FROM explored_sampling WHERE camera = ? ORDER BY month_start", [name],
        ),
        "deployments": _times(database.records(
            'SELECT stays.deployment, greatest(stays.start_at, axis.start_at) AS "from", '
            'least(stays.end_at, axis.end_at) AS "to" FROM deployment_spans AS stays JOIN axis USING (camera) '
            "WHERE camera = ? ORDER BY stays.start_at NULLS FIRST", [name],
        )),
        "gaps": _times(database.records(
            'SELECT gap_start AS "from", gap_end AS "to", cause FROM gaps WHERE camera = ? '
            f"ORDER BY gap_end - gap_start DESC, gap_start LIMIT {MOST_GAPS}", [name],
        )),
    }  # fmt: skip


def _read_bins(database: Database, camera: str, since: Mapping[str, datetime | None]) -> dict[str, dict[str, Any]]:
    """Read effort and light of days and months."""
    bins = database.records(
        "SELECT bin, list(strftime(local_time(bin_start), '%Y-%m-%d') ORDER BY bin_start) AS start, "
        "list(images ORDER BY bin_start) AS images, list(camera_days ORDER BY bin_start) AS camera_days, "
        "list(luma ORDER BY bin_start) AS luma, list(sharpness ORDER BY bin_start) AS sharpness "
        f"FROM explored_bins WHERE camera = ? AND ({told_bins(since)}) GROUP BY bin",
        [camera],
    )
    by_bin = {entry.pop("bin"): entry for entry in bins}
    for entry in by_bin.values():
        if not any(days is not None for days in entry["camera_days"]):
            entry["camera_days"] = None
    return by_bin


def _times(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: utc_text(value) if isinstance(value, datetime) else value for name, value in record.items()}
        for record in records
    ]
