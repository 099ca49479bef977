"""`explore`: what a person looks through first, as one bounded object: the report's own data, and that of pages and commands.

Every number in it is made by tables/sql/explore.sql from the tables of the answer. The same answer gives the same bytes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.tasks.obb import OBB
from shoal.contract.tasks.pose import POSE
from shoal.contract.tasks.segment import SEGMENT
from shoal.contract.units import utc_text
from shoal.pictures.people import with_people
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

MOST_TAXA = 60
"""Taxa told of, those with most detections first; the others stand in `species` of summary.json."""

MOST_CAMERAS = 24
"""Cameras told of, those with most images first."""

MOST_DAYS = 400
MOST_MONTHS = 600
MOST_DAY_CELLS = 150_000
MOST_MONTH_CELLS = 100_000
"""Days or months times cameras times taxa; where there are many cameras fewer days and months are told, the latest ones."""

COMMONEST = 10
"""Taxa with typical and doubtful images."""

OF_KIND = 3
"""Such images of each."""

MOST_BOXES = 60
"""Boxes told of one image, those with the highest scores."""

MOST_GAPS = 200
"""Gaps told of each camera, the longest."""

THRESHOLDS = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Scores that counts are given at, beside those in use."""

MOST_MASK_CHARACTERS = 1_000_000
"""Of all masks told."""

MOST_POINT_NUMBERS = 200_000
"""Of all key points told; corners of turned boxes never are as many."""

STEPS = 101
"""Hundredths of a score, 0 to 1."""


def read_explore(database: Database, plan: StoredPlan, result: Mapping[str, Any]) -> dict[str, Any]:
    """Read the object from a summary's tables.

    Args:
        database: Holds the tables of a summary.
        plan: The run's plan.
        result: The summary's result.
    """
    _build(database, plan.settings)
    taxa = int(database.value("SELECT count(*) FROM explored_taxa"))
    cameras = database.records("FROM explored_cameras ORDER BY camera")
    since = _since(database, taxa * len(cameras))
    return {
        "format_version": FORMAT_VERSION,
        "dataset": result["dataset"],
        "variant_sha256": result["variant_sha256"],
        "zone": result["settings"]["report"]["zone"],
        "stored_conf": plan.least_score,
        "left_out": {
            "taxa": len(result["species"]) - taxa,
            "cameras": int(database.value("SELECT count(*) FROM axis")) - len(cameras),
            "since": {bin_name: moment and utc_text(moment) for bin_name, moment in since.items()},
        },
        "cameras": [_camera(database, camera, since) for camera in cameras],
        "taxa": _with_shapes_in_room(_taxa(database, cameras, since, _SHAPES.get(plan.task, ""))),
        "failures": database.records("FROM explored_failures ORDER BY use, images DESC, reason"),
    }


def write_explore(explore: Mapping[str, Any]) -> bytes:
    """Write the object as it is stored, without blanks."""
    return json.dumps(explore, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _build(database: Database, dataset: Dataset) -> None:
    database.run(
        "CREATE OR REPLACE TABLE deployment_places (camera VARCHAR, deployment VARCHAR, latitude DOUBLE, longitude DOUBLE)"
    )
    for stay in dataset.deployments:
        database.run(
            "INSERT INTO deployment_places VALUES (?, ?, ?, ?)", [stay.camera, stay.name, stay.latitude, stay.longitude]
        )
    database.set_variable("explored_taxa", MOST_TAXA)
    database.set_variable("explored_cameras", MOST_CAMERAS)
    database.set_variable("explored_commonest", COMMONEST)
    database.set_variable("explored_of_kind", OF_KIND)
    # Nobody wants to be in a report.
    database.run(f"CREATE OR REPLACE TABLE unshown AS SELECT DISTINCT key FROM ({with_people()})")
    for name in ("sun", "explored_steps", "explore"):
        database.run_file(name)


def _since(database: Database, series: int) -> dict[str, datetime | None]:
    """Say from when on days and months are told, by the newest image; None where that is all of them."""
    bounds = {
        "day": f"INTERVAL {min(MOST_DAYS, MOST_DAY_CELLS // max(1, series))} DAY",
        "month": f"INTERVAL {min(MOST_MONTHS, MOST_MONTH_CELLS // max(1, series))} MONTH",
    }
    return {
        name: database.value(
            f"SELECT any_value(since) FROM (SELECT bin_end('{name}', bin_start('{name}', max(end_at) - {span})) AS since "
            f"FROM explored_cameras) WHERE since > (SELECT min(bin_start) FROM explored_bins WHERE bin = '{name}')"
        )
        for name, span in bounds.items()
    }


def _told(since: Mapping[str, datetime | None]) -> str:
    """Write as SQL which bins are told."""
    words = [
        f"bin = '{name}'" if moment is None else f"(bin = '{name}' AND bin_start >= TIMESTAMP '{moment}')"
        for name, moment in since.items()
    ]
    return " OR ".join(words)


def _camera(database: Database, camera: Mapping[str, Any], since: Mapping[str, datetime | None]) -> dict[str, Any]:
    name = camera["camera"]
    bins = database.records(
        "SELECT bin, list(strftime(local_time(bin_start), '%Y-%m-%d') ORDER BY bin_start) AS start, "
        "list(images ORDER BY bin_start) AS images, list(camera_days ORDER BY bin_start) AS camera_days, "
        "list(luma ORDER BY bin_start) AS luma, list(sharpness ORDER BY bin_start) AS sharpness "
        f"FROM explored_bins WHERE camera = ? AND ({_told(since)}) GROUP BY bin",
        [name],
    )
    by_bin = {entry.pop("bin"): entry for entry in bins}
    for entry in by_bin.values():
        if not any(days is not None for days in entry["camera_days"]):
            entry["camera_days"] = None
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
            "images": _spread(hours, "hour", "images", 24),
            "night_images": _spread(hours, "hour", "night_images", 24) if solar else None,
        },
        "month_of_year": {
            "images": _spread(
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


def _with_shapes_in_room(taxa: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the masks and key points that are more than the object may hold: of these boxes only the edges are told.

    An image may stand in several pictures, each with boxes of its own: what one has no room for the other one keeps.
    """
    room = {"mask": MOST_MASK_CHARACTERS, "keypoints": MOST_POINT_NUMBERS}

    def in_room(box: Mapping[str, Any]) -> dict[str, Any]:
        told = dict(box)
        for name, left in room.items():
            length = len(told.get(name) or "")
            if length > left:
                told[name] = None
            else:
                room[name] = left - length
        return told

    for taxon in taxa:
        for picture in taxon["pictures"]:
            picture["boxes"] = [in_room(box) for box in picture["boxes"]]
    return taxa


def _taxa(
    database: Database, cameras: Sequence[Mapping[str, Any]], since: Mapping[str, datetime | None], shapes: str
) -> list[dict[str, Any]]:
    read = {table: _by_taxon(database, f"FROM {table}") for table in _OF_TAXA}
    read["conf"] = _by_taxon(database, _CONFS)
    read["bins"] = _by_taxon(database, _BINS.format(told=_told(since)))
    read["pictures"] = _by_taxon(database, _PICTURES)
    boxes: dict[str, list[dict[str, Any]]] = {}
    for box in database.records(_BOXES.format(shapes=shapes)):
        boxes.setdefault(box.pop("key"), []).append(box)
    names = [camera["camera"] for camera in cameras]
    return [
        _taxon(taxon, {name: rows.get(taxon["n"], []) for name, rows in read.items()}, names, boxes)
        for taxon in database.records("FROM explored_taxa ORDER BY n")
    ]


_OF_TAXA = ("explored_scores", "explored_best_scores", "explored_hours_seen", "explored_months_seen")

_CONFS = """
    SELECT DISTINCT n, round(conf::DOUBLE, 6) AS conf FROM classes JOIN explored_taxa USING (taxon)
    WHERE role = 'count' ORDER BY conf
"""

_BINS = """
    SELECT n, bin, camera, list(detections ORDER BY bin_start) AS detections FROM explored_series
    WHERE {told} GROUP BY n, bin, camera HAVING sum(detections) > 0
"""

_PICTURES = """
    SELECT n, kind, key, object_version, size_bytes, content_sha256, camera, captured_at, width, height
    FROM explored_pictures JOIN images USING (key)
    ORDER BY list_position(['maxn', 'typical', 'doubtful'], kind), place
"""

_BOXES = """
    SELECT key, taxon, class_id, round(confidence::DOUBLE, 3) AS confidence, round(x1::DOUBLE, 1) AS x1,
        round(y1::DOUBLE, 1) AS y1, round(x2::DOUBLE, 1) AS x2, round(y2::DOUBLE, 1) AS y2, counted{shapes}
    FROM explored_picture_boxes AS boxes JOIN images USING (key) ORDER BY key, counted DESC, boxes.confidence DESC, position
"""


_SHAPES = {
    SEGMENT.name: ", masks[position + 1] AS mask",
    POSE.name: ", list_transform(keypoints[position + 1], lambda value: round(value::DOUBLE, 2)) AS keypoints",
    OBB.name: (
        ", list_transform(keypoints[position + 1], lambda value: round(value::DOUBLE, 2)) AS keypoints, "
        "round(angles[position + 1]::DOUBLE, 4) AS angle"
    ),
}
"""What else is told of a box, by the model's task."""


def _by_taxon(database: Database, query: str) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in database.records(query):
        found.setdefault(row.pop("n"), []).append(row)
    return found


def _taxon(
    taxon: Mapping[str, Any],
    read: Mapping[str, list[dict[str, Any]]],
    cameras: Sequence[str],
    boxes: Mapping[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    scores = _spread(read["explored_scores"], "step", "boxes", STEPS)
    best = _spread(read["explored_best_scores"], "step", "images", STEPS)
    told = {key: taxon[key] for key in ("taxon", "aphia_id", "images", "images_with", "detections", "maxn", "maxn_key")}
    return {
        **told,
        "conf": [row["conf"] for row in read["conf"]],
        "scores": scores,
        "best_scores": best,
        "at": [
            {"conf": conf, "detections": sum(scores[_step(conf) :]), "images_with": sum(best[_step(conf) :])}
            for conf in THRESHOLDS
        ],
        "series": list(_series(read, cameras)),
        "pictures": [_picture(taxon["taxon"], picture, boxes[picture["key"]]) for picture in read["pictures"]],
    }


def _step(conf: float) -> int:
    return round(conf * 100)


def _series(read: Mapping[str, list[dict[str, Any]]], cameras: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Give detections beside the effort of each camera, bin by bin; a camera that saw none has no line.

    Where none of the bins that are told has any, as where all lie before them, the bins are null: 0 in each.
    """
    for camera in cameras:
        of_camera = {name: [row for row in rows if row.get("camera") == camera] for name, rows in read.items()}
        if not of_camera["explored_months_seen"]:
            continue
        bins = {row["bin"]: row["detections"] for row in of_camera["bins"]}
        yield {
            "camera": camera,
            "day": bins.get("day"),
            "month": bins.get("month"),
            "hour_of_day": _spread(of_camera["explored_hours_seen"], "hour", "detections", 24),
            "month_of_year": _spread(of_camera["explored_months_seen"], "month", "detections", 12),
        }


def _picture(taxon: str, picture: Mapping[str, Any], boxes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the boxes that count, of all taxa; of doubtful images those of the taxon itself that do not, too."""
    doubtful = picture["kind"] == "doubtful"
    shown = [box for box in boxes if box["counted"] or (doubtful and box["taxon"] == taxon)]
    shown.sort(key=lambda box: box["taxon"] != taxon)  # its own first: of a crowd not all are told
    return {**picture, "captured_at": utc_text(picture["captured_at"]), "boxes": shown[:MOST_BOXES]}


def _spread(rows: Sequence[Mapping[str, Any]], by: str, value: str, length: int) -> list[int]:
    """Lay values out by number, 0 where there is none."""
    found = {row[by]: row[value] or 0 for row in rows}
    return [int(found.get(number, 0)) for number in range(length)]


def _times(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: utc_text(value) if isinstance(value, datetime) else value for name, value in record.items()}
        for record in records
    ]
