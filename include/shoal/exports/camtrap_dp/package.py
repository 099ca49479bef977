"""Camtrap DP 1.0.2: deployments, media and observations of camera traps, as https://camtrap-dp.tdwg.org describes them.

An observation of an image is one box, or what a classifier takes the image for, which counts nothing. One of an event is a taxon,
and its count MaxN: the most boxes of it in any one image of the event, so that a burst does not count a fish ten times. An image
in which the model found nothing is `blank`, one that it could not judge `unclassified`. What lies in no deployment with a
position has no place here, and is counted.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from shoal.answers.where import Where
from shoal.contract.units import utc_text
from shoal.exports.boxes import count_shapes
from shoal.exports.camtrap_dp.describe import describe
from shoal.exports.camtrap_dp.seen import MEDIA, OBSERVATIONS, count_cut, find_seen
from shoal.exports.export import Answer, Written
from shoal.exports.named_images import name_images
from shoal.exports.places import Place, Places, count_unplaced, find_places, need_places
from shoal.exports.published import missing_fields, missing_places
from shoal.exports.table_file import CSV, CSV_TYPE
from shoal.exports.whole_file import copy_whole, write_row, write_whole
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

_DEPLOYMENT_COLUMNS = (
    "deploymentID", "locationID", "locationName", "latitude", "longitude", "coordinateUncertainty", "deploymentStart",
    "deploymentEnd", "setupBy", "cameraID", "cameraModel", "cameraDelay", "cameraHeight", "cameraDepth", "cameraTilt",
    "cameraHeading", "detectionDistance", "timestampIssues", "baitUse", "featureType", "habitat", "deploymentGroups",
    "deploymentTags", "deploymentComments",
)  # fmt: skip


@dataclass(frozen=True)
class CamtrapDP:
    """datapackage.json, deployments.csv, media.csv and observations.csv."""

    name: ClassVar[str] = "camtrap-dp"
    content_type: ClassVar[str] = CSV_TYPE
    needs_complete: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True

    def missing(self, dataset: Dataset) -> list[str]:
        """Ask for project, contributors, licence and positions."""
        return [*missing_fields(dataset, "project", "contributors", "licence"), *missing_places(dataset)]

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Stream the three tables, then tell of them.

        Raises:
            ConfigError: Nothing asked for lies in a deployment with a position: no such package could be.
        """
        places = find_places(database, answer, where)
        need_places(database, self.name, "latitude and longitude")
        name_images(database, answer)
        find_seen(database, answer, places, where)
        files = {name: to / f"{name}.csv" for name in ("deployments", "media", "observations")}
        write_whole(files["deployments"], lambda part: _write_deployments(database, places, part))
        copy_whole(database, MEDIA, files["media"], CSV)
        copy_whole(database, OBSERVATIONS, files["observations"], CSV)
        package = to / "datapackage.json"
        described = json.dumps(describe(database, answer, places, where), ensure_ascii=False, indent=2)
        write_whole(package, lambda part: part.write_text(f"{described}\n", encoding="utf-8"))
        return Written(
            (package, *files.values()),
            {
                **places.without,
                **count_unplaced(database),
                **places.unsaid_pauses("in deploymentComments only"),
                **count_cut(database),
                **{what: count for what, count in count_shapes(database).items() if count},
            },
        )


def _write_deployments(database: Database, places: Places, path: Path) -> None:
    doubtful = {
        place
        for (place,) in database.run(
            "SELECT DISTINCT place FROM held_images WHERE clock_flag IN ('uploaded', 'ambiguous', 'nonexistent')"
        ).fetchall()
    }
    with path.open("w", encoding="utf-8", newline="") as file:
        write_row(file, _DEPLOYMENT_COLUMNS)
        for place in places.known:
            row = _deployment(place, doubtful=place.name in doubtful)
            write_row(file, [row.get(column) for column in _DEPLOYMENT_COLUMNS])


def _deployment(place: Place, *, doubtful: bool) -> dict[str, Any]:
    depth = place.stay.depth_m
    return {
        "deploymentID": place.name,
        "locationName": place.stay.name,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "coordinateUncertainty": place.uncertainty_m,
        "deploymentStart": utc_text(place.start),
        "deploymentEnd": utc_text(place.end),
        "cameraID": place.stay.camera,
        "cameraDepth": depth if depth is not None and depth >= 0 else None,
        "cameraHeight": -depth if depth is not None and depth < 0 else None,
        "timestampIssues": "true" if doubtful else "false",
        "deploymentComments": "; ".join(place.pauses) or None,
    }


CAMTRAP_DP = CamtrapDP()
