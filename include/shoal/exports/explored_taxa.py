"""What `explore` tells of a taxon: its counts by score and time, and its typical and doubtful images with their boxes."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from shoal.contract.tasks.obb import OBB
from shoal.contract.tasks.pose import POSE
from shoal.contract.tasks.segment import SEGMENT
from shoal.contract.units import utc_text
from shoal.exports.explored_bins import spread, told_bins
from shoal.results.stored_plan import StoredPlan
from shoal.results.thresholds import confs_of
from shoal.tables.session import Database

MOST_BOXES = 60
"""Boxes told of one image, those with the highest scores."""

THRESHOLDS = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Scores that counts are given at, beside those in use."""

MOST_MASK_CHARACTERS = 1_000_000
"""Of all masks told."""

MOST_POINT_NUMBERS = 200_000
"""Of all key points told; corners of turned boxes never are as many."""

STEPS = 101
"""Hundredths of a score, 0 to 1."""

_TOLD = ("taxon", "aphia_id", "images", "images_with", "detections", "maxn", "maxn_key", "conf")

_OF_TAXA = ("explored_scores", "explored_best_scores", "explored_hours_seen", "explored_months_seen")

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


def read_taxa(
    database: Database, cameras: Sequence[Mapping[str, Any]], since: Mapping[str, datetime | None], plan: StoredPlan
) -> list[dict[str, Any]]:
    """Read all taxa that are told of.

    Args:
        database: Holds the tables of explore.sql.
        cameras: Lines of `explored_cameras`, in the order of the series.
        since: From when on days and months are told.
        plan: The run's plan: its model's task, and from which scores it counts.
    """
    read = {table: _by_taxon(database, f"FROM {table}") for table in _OF_TAXA}
    read["bins"] = _by_taxon(database, _BINS.format(told=told_bins(since)))
    read["pictures"] = _by_taxon(database, _PICTURES)
    boxes: dict[str, list[dict[str, Any]]] = {}
    for box in database.records(_BOXES.format(shapes=_SHAPES.get(plan.task, ""))):
        boxes.setdefault(box.pop("key"), []).append(box)
    names, confs = [camera["camera"] for camera in cameras], confs_of(plan)
    taxa = [
        _taxon(
            {**taxon, "conf": list(confs[taxon["taxon"]])},
            {name: rows.get(taxon["n"], []) for name, rows in read.items()},
            names,
            boxes,
        )
        for taxon in database.records("FROM explored_taxa ORDER BY n")
    ]
    return _with_shapes_in_room(taxa)


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
    scores = spread(read["explored_scores"], "step", "boxes", STEPS)
    best = spread(read["explored_best_scores"], "step", "images", STEPS)
    told = {key: taxon[key] for key in _TOLD}
    return {
        **told,
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
            "hour_of_day": spread(of_camera["explored_hours_seen"], "hour", "detections", 24),
            "month_of_year": spread(of_camera["explored_months_seen"], "month", "detections", 12),
        }


def _picture(taxon: str, picture: Mapping[str, Any], boxes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the boxes that count, of all taxa; of doubtful images those of the taxon itself that do not, too."""
    doubtful = picture["kind"] == "doubtful"
    shown = [box for box in boxes if box["counted"] or (doubtful and box["taxon"] == taxon)]
    shown.sort(key=lambda box: box["taxon"] != taxon)  # its own first: of a crowd not all are told
    return {**picture, "captured_at": utc_text(picture["captured_at"]), "boxes": shown[:MOST_BOXES]}


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
