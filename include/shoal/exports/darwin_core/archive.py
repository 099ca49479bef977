"""Darwin Core archive as OBIS and GBIF take it: an Event for each camera and day, with Occurrence and ExtendedMeasurementOrFact.

Days are parts of an Event for each deployment, which has the MaxN that can be compared and no occurrence: a fish is told once.

Detections are no individuals, so `individualCount` is never written: the quantity of an occurrence is MaxN, the most boxes of the
taxon in any one image of the day - of a classifier, which counts nothing, the images that it takes for the taxon - and what was
examined stands beside it. "Not found" is not "absent": a taxon is absent only
where somebody measured which share of it the model finds, and says so in the dataset file (`publish.recall`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from shoal.answers.views import cut_bins
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError, shown
from shoal.contract.tasks.classify import CLASSIFY
from shoal.exports.archive import zip_files
from shoal.exports.darwin_core.describe import EVENT, MEASUREMENT, OCCURRENCE, write_eml, write_meta
from shoal.exports.equal_effort import GROUP_IMAGES, EqualEffort, equal_effort
from shoal.exports.export import Answer, Written
from shoal.exports.named_images import name_images
from shoal.exports.places import Places, count_unplaced, count_unused, find_places, need_places, precision_of
from shoal.exports.published import missing_fields, missing_places, said_project
from shoal.exports.rests import find_rests
from shoal.exports.shown_people import leave_people_out
from shoal.exports.table_file import CSV
from shoal.exports.taxa import entries_of, gbif_address
from shoal.exports.whole_file import write_whole
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

ARCHIVE_TYPE = "application/zip"

_PLAIN = "CREATE OR REPLACE MACRO plain(text) AS trim(regexp_replace(text, '[[:cntrl:]]+', ' ', 'g'))"
"""Readers of these archives part rows by lines, whatever quotes say: a line break or a tab in a name becomes a blank."""

_WITHOUT_WORK = """
CREATE OR REPLACE TEMP TABLE without_work AS
SELECT camera, deployment, bin_start,
    bool_or(detections > 0 AND NOT list_contains(getvariable('counted_people'), taxon)) AS found
FROM counts_day SEMI JOIN rests USING (camera, deployment, bin_start) SEMI JOIN places USING (camera, deployment) GROUP BY ALL
"""
"""Days whose images are all from times without work: where nothing was found there is no event, and nothing is absent."""

_NO_EVENTS = "SELECT count(*) FROM without_work WHERE NOT found"

_DAYS = """
CREATE OR REPLACE VIEW days AS
SELECT getvariable('dataset') || ':' || url_encode(camera) || ':' || deployment AS parent_id, parent_id || ':'
    || strftime((bin_start AT TIME ZONE 'UTC') AT TIME ZONE getvariable('report_zone'), '%Y-%m-%d') AS event_id,
    strftime(bin_start, '%Y-%m-%dT%H:%M:%SZ') || '/' || strftime(bin_end, '%Y-%m-%dT%H:%M:%SZ') AS event_date,
    places.motion, coalesce(without_work.found, false) AS without_work, counts_day.*
FROM counts_day JOIN places USING (camera, deployment) LEFT JOIN without_work USING (camera, deployment, bin_start)
WHERE without_work.found IS NOT false
"""

_LOOKED_AT = """
CREATE OR REPLACE VIEW looked_at AS
SELECT event_id, parent_id, 'day' AS kind, any_value(event_date) AS event_date, any_value(camera) AS camera,
    any_value(deployment) AS deployment, any_value(motion) AS motion, any_value(images) AS images,
    any_value(camera_days) AS camera_days, any_value(without_work) AS without_work
FROM days GROUP BY event_id, parent_id
UNION ALL
SELECT parent_id, NULL, 'deployment', strftime(min(bin_start), '%Y-%m-%dT%H:%M:%SZ') || '/'
        || strftime(max(bin_end), '%Y-%m-%dT%H:%M:%SZ'),
    any_value(camera), any_value(deployment), any_value(motion), sum(images) FILTER (NOT without_work),
    round(sum(camera_days), 6), bool_and(without_work)
FROM (
    SELECT DISTINCT event_id, parent_id, bin_start, bin_end, camera, deployment, motion, images, camera_days, without_work
    FROM days
)
GROUP BY parent_id
"""
"""Days, and the stays that they are parts of."""

_EVENTS = """
SELECT event_id AS eventID, event_date AS eventDate,
    CASE WHEN motion THEN 'fixed camera, released by motion' ELSE 'fixed camera, by the clock' END AS samplingProtocol,
    CASE WHEN NOT motion AND NOT without_work THEN images::DOUBLE WHEN camera_days > 0 THEN camera_days END AS sampleSizeValue,
    CASE WHEN motion THEN 'camera-days' ELSE 'images' END AS sampleSizeUnit, latitude AS decimalLatitude,
    longitude AS decimalLongitude, 'EPSG:4326' AS geodeticDatum, uncertainty_m AS coordinateUncertaintyInMeters,
    precision AS coordinatePrecision, if(depth_m >= 0, depth_m, NULL) AS minimumDepthInMeters,
    if(depth_m >= 0, depth_m, NULL) AS maximumDepthInMeters,
    plain(camera || '/' || deployment) AS locationID, plain(getvariable('dataset_title')) AS datasetName,
    plain(getvariable('licence')) AS license,
    CASE WHEN without_work OR motion AND camera_days = 0
        THEN 'images from a time in which the camera is said not to have been at work' END AS eventRemarks,
    parent_id AS parentEventID, kind AS eventType
FROM looked_at JOIN positions USING (camera, deployment) ORDER BY event_id
"""
"""A day in which a camera was not at work is no row, so that nobody reads a zero. A camera above the water has no depth."""

_SEEN = """
CREATE OR REPLACE VIEW seen_on_days AS
SELECT event_id || ':' || substr(sha256(taxon), 1, 16) AS occurrence_id, days.*, recall.value AS recall,
    recall.source AS recall_source
FROM days LEFT JOIN recall USING (taxon)
WHERE (detections > 0 OR recall.value IS NOT NULL AND NOT without_work AND (images > 0 OR camera_days > 0))
    AND NOT list_contains(getvariable('counted_people'), taxon)
"""

_OF_PEOPLE = "SELECT count(*) FROM days WHERE detections > 0 AND list_contains(getvariable('counted_people'), taxon)"
"""The dataset file of today says so, and the answer is older: a taxon that people were merged into is not told apart any more."""

_OCCURRENCES = """
SELECT event_id AS eventID, occurrence_id AS occurrenceID, event_date AS eventDate, plain(taxon) AS scientificName,
    'urn:lsid:marinespecies.org:taxname:' || aphia_id AS scientificNameID, 'MachineObservation' AS basisOfRecord,
    CASE WHEN detections > 0 THEN 'present' ELSE 'absent' END AS occurrenceStatus,
    if(getvariable('whole_images'), images_with, coalesce(maxn, 0)) AS organismQuantity,
    if(getvariable('whole_images'), 'images classified as the taxon', 'MaxN') AS organismQuantityType,
    getvariable('model') AS identifiedBy, getvariable('model_file') AS identificationReferences,
    'PredictedByMachine' AS identificationVerificationStatus, shown_there.address AS associatedMedia,
    CASE WHEN detections = 0 THEN plain('not found; the model finds ' || recall || ' of them: ' || recall_source) END
        AS occurrenceRemarks, said_of_taxa.address AS taxonID, plain(vernacular) AS vernacularName
FROM seen_on_days LEFT JOIN said_of_taxa USING (taxon)
LEFT JOIN (SELECT key AS maxn_key, address FROM named_images WHERE public) AS shown_there USING (maxn_key)
ORDER BY event_id, occurrence_id
"""

_MEASURED = """
SELECT * FROM (
    SELECT event_id AS eventID, NULL AS occurrenceID, 'images examined' AS measurementType,
        any_value(images)::VARCHAR AS measurementValue, 'images' AS measurementUnit, 'used images of the day' AS measurementMethod
    FROM days GROUP BY event_id
    UNION ALL
    SELECT event_id, NULL, 'time at work', any_value(camera_days)::VARCHAR, 'camera-days',
        'by the deployments of the dataset file'
    FROM days WHERE motion AND camera_days > 0 GROUP BY event_id
    UNION ALL
    SELECT event_id, occurrence_id, 'detections', detections::VARCHAR, 'boxes',
        'boxes of all images of the day, by ' || getvariable('model') || '; not individuals'
    FROM seen_on_days WHERE NOT getvariable('whole_images')
    UNION ALL
    SELECT event_id, occurrence_id, 'MaxN', coalesce(maxn, 0)::VARCHAR, 'boxes',
        'most boxes of the taxon in any one image of the day'
    FROM seen_on_days WHERE NOT getvariable('whole_images')
    UNION ALL
    SELECT event_id, occurrence_id, 'images with detections', images_with::VARCHAR, 'images', 'images with a box of the taxon'
    FROM seen_on_days WHERE NOT getvariable('whole_images')
    UNION ALL
    SELECT event_id, occurrence_id, 'images classified as the taxon', images_with::VARCHAR, 'images',
        'each image counts once, as its best class, by ' || getvariable('model')
    FROM seen_on_days WHERE getvariable('whole_images')
    UNION ALL
    SELECT event_id, occurrence_id, 'share of images classified as the taxon', mean_per_image::VARCHAR, 'share of images',
        'images classified as the taxon / images examined'
    FROM seen_on_days WHERE getvariable('whole_images') AND images > 0
    UNION ALL
    SELECT event_id, occurrence_id, 'mean detections per image', mean_per_image::VARCHAR, 'boxes per image',
        'detections / images examined'
    FROM seen_on_days WHERE NOT getvariable('whole_images') AND images > 0
    UNION ALL
    SELECT DISTINCT parent_id, NULL, type || ' of ' || plain(taxon), value::VARCHAR, unit, method
    FROM comparable JOIN days USING (camera, deployment, taxon)
    WHERE NOT getvariable('whole_images')
) ORDER BY eventID, occurrenceID NULLS FIRST, measurementType
"""


def _comparable(one: EqualEffort) -> Iterator[tuple[str, float, str, str]]:
    """Tell what can be compared of a series: kind, value, unit and method."""
    yield "mean detections per image", one.mean_per_image, "boxes per image", f"mean of {one.images} used images"
    of_image = "of the most boxes of the taxon in any one image"
    if one.mean_maxn_of_groups is not None:
        groups = f"mean over {one.groups} groups of {GROUP_IMAGES} used images that follow each other {of_image}"
        yield f"mean MaxN in {GROUP_IMAGES} images", one.mean_maxn_of_groups, "boxes", groups
    if one.mean_maxn_of_events is not None:
        yield "mean MaxN in an event", one.mean_maxn_of_events, "boxes", f"mean over {one.events} events {of_image}"


@dataclass(frozen=True)
class DarwinCore:
    """darwin-core.zip."""

    name: ClassVar[str] = "darwin-core"
    content_type: ClassVar[str] = ARCHIVE_TYPE
    needs_complete: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True

    of_days: ClassVar[bool] = True

    def missing(self, dataset: Dataset) -> list[str]:
        """Ask for project, contributors, licence and positions."""
        said = missing_fields(dataset, "project", "contributors", "licence")
        return [*said, *missing_places(dataset)]

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Stream the tables into the archive.

        Raises:
            ConfigError: Nothing asked for lies in a deployment with a position, or recall is said of a taxon that is not there.
        """
        places = find_places(database, answer, where)
        need_places(database, self.name, "latitude and longitude")
        _need_known_taxa(answer)
        _prepare(database, answer, places)
        comparable, not_told = equal_effort(answer, where)
        _keep_comparable(database, comparable)
        archive = to / "darwin-core.zip"
        write_whole(archive, lambda part: _write_archive(database, answer, places, where, part))
        not_held = {
            **places.without,
            **count_unplaced(database),
            **count_unused(database),
            **places.unsaid_pauses("they are no events"),
            "days whose images are all from times without work, and show nothing (no events)": int(
                database.value(_NO_EVENTS)
            ),
            "days that the time asked for cuts": cut_bins(database, where, "day"),
            "occurrences of taxa that people were counted as": int(database.value(_OF_PEOPLE)),
            **not_told,
        }
        return Written((archive,), {what: count for what, count in not_held.items() if count})


def _write_archive(database: Database, answer: Answer, places: Places, where: Where, path: Path) -> None:
    with TemporaryDirectory(dir=database.folder) as scratch:
        folder = Path(scratch)
        tables = {"event.csv": _EVENTS, "occurrence.csv": _OCCURRENCES, "measurement.csv": _MEASURED}
        for name, query in tables.items():
            database.copy(query, folder / name, CSV)
        write_meta(
            folder / "meta.xml", {"event.csv": EVENT, "occurrence.csv": OCCURRENCE, "measurement.csv": MEASUREMENT}
        )
        write_eml(folder / "eml.xml", database, answer, places, where)
        zip_files(path, [(name, folder / name) for name in ("meta.xml", "eml.xml", *tables)])


def _need_known_taxa(answer: Answer) -> None:
    known = {one["taxon"] for one in answer.result["species"]}
    for taxon in answer.described.publish.recall:
        if taxon not in known:
            raise ConfigError(
                f"publish.recall names {shown(taxon, 100)!r}, which the answer does not know - write a taxon as the answer does: "
                f"{', '.join(shown(one, 100) for one in sorted(known)[:8])}"
            )


def _prepare(database: Database, answer: Answer, places: Places) -> None:
    publish, plan = answer.described.publish, answer.plan
    project, licence = said_project(answer)
    name_images(database, answer)
    leave_people_out(database, answer, "day")
    find_rests(database, answer, "day")
    said = {
        "dataset": answer.result["dataset"],
        "dataset_title": publish.title or project.title,
        "licence": licence.data,
        "whole_images": answer.plan.task == CLASSIFY.name,
        "model": plan.models,
        "model_file": " | ".join(
            [
                f"model {plan.model}, sha256 {plan.model.sha256}"
                + (f", then {plan.then.model}, sha256 {plan.then.model.sha256}" if plan.then else ""),
                *filter(None, [plan.cite_model]),
            ]
        ),
    }
    for name, value in said.items():
        database.set_variable(name, value)
    database.run(
        "CREATE OR REPLACE TABLE positions (camera VARCHAR, deployment VARCHAR, latitude DOUBLE, longitude DOUBLE, "
        "uncertainty_m BIGINT, precision DOUBLE, depth_m DOUBLE)"
    )
    precision = precision_of(publish.coordinate_digits)
    for place in places.known:
        stay = place.stay
        row = [stay.camera, stay.name, place.latitude, place.longitude, place.uncertainty_m, precision, stay.depth_m]
        database.run("INSERT INTO positions VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    database.run("CREATE OR REPLACE TABLE recall (taxon VARCHAR, value DOUBLE, source VARCHAR)")
    for taxon, recall in publish.recall.items():
        database.run("INSERT INTO recall VALUES (?, ?, ?)", [taxon, recall.value, recall.source])
    database.run("CREATE OR REPLACE TABLE said_of_taxa (taxon VARCHAR, address VARCHAR, vernacular VARCHAR)")
    for taxon, entry in entries_of(answer.described.taxa).items():
        database.run("INSERT INTO said_of_taxa VALUES (?, ?, ?)", [taxon, gbif_address(entry), entry.vernacular])
    for statement in (_PLAIN, _WITHOUT_WORK, _DAYS, _LOOKED_AT, _SEEN):
        database.run(statement)


def _keep_comparable(database: Database, series: Sequence[EqualEffort]) -> None:
    names = (
        "camera VARCHAR, deployment VARCHAR, taxon VARCHAR, type VARCHAR, value DOUBLE, unit VARCHAR, method VARCHAR"
    )
    database.run(f"CREATE OR REPLACE TABLE comparable ({names})")
    for one in series:
        for told in _comparable(one):
            database.run(
                "INSERT INTO comparable VALUES (?, ?, ?, ?, ?, ?, ?)", [one.camera, one.deployment, one.taxon, *told]
            )


DARWIN_CORE = DarwinCore()
