"""Camtrap DP 1.0.2: deployments, media and observations of camera traps, as https://camtrap-dp.tdwg.org describes them.

An observation of an image is one box, or what a classifier takes the image for, which counts nothing. One of an event is a taxon,
and its count MaxN: the most boxes of it in any one image of the event, so that a burst does not count a fish ten times. An image
in which the model found nothing is `blank`, one that it could not judge `unclassified`. What lies in no deployment with a
position has no place here, and is counted.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from shoal.answers.where import Where
from shoal.contract.errors import ConfigError, shown
from shoal.contract.hashing import canonical_sha256
from shoal.contract.units import counted, utc_text
from shoal.exports.boxes import count_shapes
from shoal.exports.export import Answer, Written
from shoal.exports.named_images import name_images
from shoal.exports.places import (
    Place,
    Places,
    count_unplaced,
    find_places,
    naive,
    need_places,
    newest_upload,
    precision_of,
)
from shoal.exports.published import missing_fields, missing_places, said_project
from shoal.exports.table_file import CSV, CSV_TYPE, TIME
from shoal.exports.taxa import entries_of, gbif_address
from shoal.exports.whole_file import copy_whole, write_row, write_whole
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

VERSION = "1.0.2"
SCHEMAS = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{VERSION}/"

_DEPLOYMENT_COLUMNS = (
    "deploymentID", "locationID", "locationName", "latitude", "longitude", "coordinateUncertainty", "deploymentStart",
    "deploymentEnd", "setupBy", "cameraID", "cameraModel", "cameraDelay", "cameraHeight", "cameraDepth", "cameraTilt",
    "cameraHeading", "detectionDistance", "timestampIssues", "baitUse", "featureType", "habitat", "deploymentGroups",
    "deploymentTags", "deploymentComments",
)  # fmt: skip

_HELD = f"""
CREATE OR REPLACE VIEW held_images AS
SELECT places.name AS place, places.method, places.motion, named_images.*, strftime(captured_at, {TIME}) AS taken
FROM named_images JOIN places USING (camera, deployment)
WHERE captured_at IS NOT NULL AND use IN ('used', 'unusable', 'failed')
"""

_EVENTS = """
CREATE OR REPLACE TABLE image_events AS
SELECT key, place, image_id, captured_at, detections, people, cut,
    CASE WHEN NOT cut THEN first_value(image_id) OVER (PARTITION BY place, visit ORDER BY captured_at, key) END AS event_id,
    min(captured_at) OVER (PARTITION BY place, visit) AS event_start,
    max(captured_at) OVER (PARTITION BY place, visit) AS event_end
FROM (
    SELECT *, coalesce(event, key) AS visit, (event IN (FROM cut_events)) IS TRUE AS cut FROM held_images WHERE use = 'used'
)
"""
"""A camera that looks by the clock has no events of several images: each image is one of its own. An event that goes on outside
the time asked for would have another MaxN and another first image under its name: its images stand without it."""

_CUT_EVENTS = """
CREATE OR REPLACE TABLE cut_events AS
SELECT DISTINCT event FROM around_images
WHERE event IN (SELECT event FROM held_images WHERE use = 'used') AND use = 'used'
    AND (captured_at < coalesce(getvariable('asked_from'), captured_at) OR captured_at >= getvariable('asked_to'))
"""

_BEFORE_EVENTS = """
SELECT place, count(*) FROM held_images WHERE use = 'used' AND event IS NULL AND list_contains(getvariable('with_events'), place)
GROUP BY 1 ORDER BY 1 LIMIT 1
"""

_MEDIA = """
SELECT image_id AS mediaID, place AS deploymentID, method AS captureMethod, taken AS timestamp, address AS filePath,
    public AS filePublic, file_name AS fileName, media_type AS fileMediatype, NULL AS exifData, NULL AS favorite,
    CASE use WHEN 'used' THEN NULL ELSE use || coalesce(': ' || reason, '') END AS mediaComments
FROM held_images ORDER BY key
"""

_SHOWN = f"""
CREATE OR REPLACE VIEW shown AS
SELECT 0 AS level, key, position, image_id || ':' || position AS id, place, image_id, event_id, taken AS began, taken AS ended,
    'animal' AS kind, boxes.taxon, if(x1 IS NULL, NULL, 1) AS count, coalesce(reclassified.confidence, confidence) AS confidence,
    within(x1::DOUBLE / boxes.width) AS x, within(y1::DOUBLE / boxes.height) AS y,
    within(x2::DOUBLE / boxes.width) AS right_x,
    within(y2::DOUBLE / boxes.height) AS bottom_y
FROM detections AS boxes JOIN held_images USING (key) JOIN (SELECT key, event_id FROM image_events) USING (key)
WHERE boxes.role = 'count' AND (key, position) NOT IN (SELECT (key, position) FROM person_boxes)
UNION ALL BY NAME
SELECT 0 AS level, key, position, image_id || ':' || position AS id, place, image_id, taken AS began, taken AS ended,
    'human' AS kind, if(x1 IS NULL, NULL, 1) AS count, confidence
FROM person_boxes JOIN held_images USING (key)
UNION ALL BY NAME
SELECT 0 AS level, key, -1 AS position, image_id || ':blank' AS id, place, image_id, event_id,
    strftime(captured_at, {TIME}) AS began, began AS ended, 'blank' AS kind
FROM image_events WHERE detections = 0 AND NOT people
UNION ALL BY NAME
SELECT 0 AS level, key, -1 AS position, image_id || ':unclassified' AS id, place, image_id, taken AS began, taken AS ended,
    'unclassified' AS kind
FROM held_images WHERE use IN ('unusable', 'failed') AND NOT people
UNION ALL BY NAME
SELECT 1 AS level, min(key) AS key, row_number() OVER (PARTITION BY event_id ORDER BY taxon) AS position,
    'event-' || event_id || ':' || substr(sha256(taxon), 1, 16) AS id, place, event_id, strftime(event_start, {TIME}) AS began,
    strftime(event_end, {TIME}) AS ended, 'animal' AS kind, taxon, nullif(max(boxes), 0) AS count
FROM (FROM image_events WHERE NOT cut) JOIN (
    SELECT key, taxon, count(x1) AS boxes FROM detections
    WHERE role = 'count' AND use = 'used' AND (key, position) NOT IN (SELECT (key, position) FROM person_boxes) GROUP BY ALL
) USING (key)
GROUP BY event_id, place, event_start, event_end, taxon
UNION ALL BY NAME
SELECT 1 AS level, min(key) AS key, 0 AS position, 'event-' || event_id || ':blank' AS id, place, event_id,
    strftime(event_start, {TIME}) AS began, strftime(event_end, {TIME}) AS ended, 'blank' AS kind
FROM image_events WHERE NOT cut GROUP BY event_id, place, event_start, event_end
HAVING max(detections) = 0 AND NOT bool_or(people)
"""
"""What was seen: level 0 in images, 1 in events."""

_WITHIN = "CREATE OR REPLACE MACRO within(share) AS CASE WHEN share IS NOT NULL THEN least(greatest(share, 0), 1) END"
"""Of no share, as of an image without a box, greatest would make 0."""

_OBSERVATIONS = """
SELECT id AS observationID, place AS deploymentID, image_id AS mediaID, event_id AS eventID, began AS eventStart,
    ended AS eventEnd, CASE level WHEN 0 THEN 'media' ELSE 'event' END AS observationLevel, kind AS observationType,
    NULL AS cameraSetupType, taxon AS scientificName, count, NULL AS lifeStage, NULL AS sex, NULL AS behavior,
    NULL AS individualID, NULL AS individualPositionRadius, NULL AS individualPositionAngle, NULL AS individualSpeed,
    x AS bboxX, y AS bboxY, CASE WHEN x IS NOT NULL THEN greatest(right_x - x, 1e-9) END AS bboxWidth,
    CASE WHEN y IS NOT NULL THEN greatest(bottom_y - y, 1e-9) END AS bboxHeight,
    CASE WHEN kind <> 'unclassified' THEN 'machine' END AS classificationMethod,
    CASE WHEN kind <> 'unclassified' THEN getvariable('classified_by') END AS classifiedBy, NULL AS classificationTimestamp,
    round(confidence::DOUBLE, 6) AS classificationProbability, NULL AS observationTags,
    CASE WHEN kind <> 'animal' THEN NULL
        WHEN count IS NULL THEN 'classified from the image as a whole: nothing was counted'
        WHEN level = 1 THEN 'count is MaxN: the most boxes of it in any one image of the event' END AS observationComments
FROM shown ORDER BY level, key, position, id
"""


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
        need_places(database, self.name, places, "latitude and longitude")
        name_images(database, answer)
        database.set_variable("classified_by", answer.plan.models_with_hash)
        _find_events(database, answer, places, where)
        database.run(_WITHIN)
        database.run(_SHOWN)
        files = {name: to / f"{name}.csv" for name in ("deployments", "media", "observations")}
        write_whole(files["deployments"], lambda part: _write_deployments(database, places, part))
        copy_whole(database, _MEDIA, files["media"], CSV)
        copy_whole(database, _OBSERVATIONS, files["observations"], CSV)
        package = to / "datapackage.json"
        described = json.dumps(_describe(database, answer, places, where), ensure_ascii=False, indent=2)
        write_whole(package, lambda part: part.write_text(f"{described}\n", encoding="utf-8"))
        return Written(
            (package, *files.values()),
            {
                **places.without,
                **count_unplaced(database),
                **places.unsaid_pauses("in deploymentComments only"),
                **_count_cut(database),
                **{what: count for what, count in count_shapes(database).items() if count},
            },
        )


def _find_events(database: Database, answer: Answer, places: Places, where: Where) -> None:
    """Make the table of images and their events.

    Raises:
        ConfigError: The answer was made before events were told: each image of a burst would be one of its own.
    """
    database.run(_HELD)
    # The answer's events are those of its plan, whatever the dataset file says today.
    with_events = [place.name for place in places.known if place.stay.gap_of_events is not None]
    database.set_variable("with_events", with_events)
    if lacking := database.run(_BEFORE_EVENTS).fetchone():
        place, images = lacking
        dataset = answer.result["dataset"]
        raise ConfigError(
            f"Export camtrap-dp: {counted(images, 'used image')} of {shown(place, 200)} have no event, as in answers of earlier "
            f"releases - count the images again, which infers nothing: python -m shoal summarize {dataset} --publish"
        )
    for name, moment in (("asked_from", where.start), ("asked_to", where.end)):
        database.run(f"SET VARIABLE {name} = ?::TIMESTAMP", [naive(moment) if moment else None])
    database.run(_CUT_EVENTS)
    database.run(_EVENTS)


def _count_cut(database: Database) -> dict[str, int]:
    cut = int(database.value("SELECT count(*) FROM cut_events"))
    return {"events that go on outside the time asked for (their images stand without eventID)": cut} if cut else {}


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


def _describe(database: Database, answer: Answer, places: Places, where: Where) -> dict[str, Any]:
    publish = answer.described.publish
    project, licence = said_project(answer)
    identity = canonical_sha256([answer.result, where.to_json(), publish.model_dump(mode="json")])
    described: dict[str, Any] = {
        "resources": [_resource(name) for name in ("deployments", "media", "observations")],
        "profile": f"{SCHEMAS}camtrap-dp-profile.json",
        "name": answer.result["dataset"].replace("_", "-"),
        "id": str(database.value("SELECT uuid_of(?)", [identity])),
        "created": utc_text(newest_upload(database)),
        "title": publish.title or project.title,
        "contributors": [_contributor(one.model_dump(exclude_none=True)) for one in publish.contributors],
        "homepage": publish.handle,
        "sources": [{"title": "Shoal"}],
        "licenses": [{**_licence(licence.data), "scope": "data"}, {**_licence(licence.media), "scope": "media"}],
        "project": {
            "title": project.title,
            "acronym": project.acronym,
            "description": project.description,
            "path": project.url,
            "samplingDesign": project.sampling_design,
            "captureMethod": sorted({place.stay.capture_method or "timeLapse" for place in places.known}),
            "individualAnimals": False,
            "observationLevel": ["media", "event"],
        },
        "coordinatePrecision": precision_of(publish.coordinate_digits),
        "spatial": _spatial(places),
        "temporal": {
            "start": f"{min(place.start for place in places.known):%Y-%m-%d}",
            "end": f"{max(place.end for place in places.known):%Y-%m-%d}",
        },
        "taxonomic": list(_taxa(database, answer)),
        "references": [answer.plan.cite_model] if answer.plan.cite_model else None,
    }
    described["project"] = _said(described["project"])
    return _said(described)


def _resource(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": f"{SCHEMAS}{name}-table-schema.json",
    }


def _contributor(said: Mapping[str, Any]) -> dict[str, Any]:
    names = {"name": "title", "url": "path"}
    return {names.get(name, name): value for name, value in said.items()}


def _licence(text: str) -> dict[str, str]:
    return {"path": text} if "://" in text else {"name": text}


def _spatial(places: Places) -> dict[str, Any]:
    west, east = (fold(place.longitude for place in places.known) for fold in (min, max))
    south, north = (fold(place.latitude for place in places.known) for fold in (min, max))
    if (west, south) == (east, north):
        return {"type": "Point", "coordinates": [west, south]}
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [corners]}


def _taxa(database: Database, answer: Answer) -> Iterator[dict[str, Any]]:
    seen = "key IN (SELECT key FROM image_events)"
    animal = "role = 'count' AND (key, position) NOT IN (SELECT (key, position) FROM person_boxes)"
    found = f"SELECT DISTINCT taxon, aphia_id FROM detections WHERE {animal} AND {seen} ORDER BY ALL"
    entries = entries_of(answer.described.taxa)
    for taxon, aphia_id in database.run(found).fetchall():
        worms = aphia_id and f"urn:lsid:marinespecies.org:taxname:{aphia_id}"
        # No vernacularNames: they are told by language, which the dataset file does not say.
        yield _said({"scientificName": taxon, "taxonID": worms or gbif_address(entries.get(taxon))})


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


CAMTRAP_DP = CamtrapDP()
