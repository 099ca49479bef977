"""What was seen in the images of a package, and in their events: the tables media and observations are read from these."""

from shoal.answers.where import Where
from shoal.contract.errors import ConfigError, shown
from shoal.contract.units import counted
from shoal.exports.export import Answer
from shoal.exports.places import Places, naive
from shoal.exports.table_file import TIME
from shoal.tables.session import Database

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

MEDIA = """
SELECT image_id AS mediaID, place AS deploymentID, method AS captureMethod, taken AS timestamp, address AS filePath,
    public AS filePublic, file_name AS fileName, media_type AS fileMediatype, NULL AS exifData, NULL AS favorite,
    CASE use WHEN 'used' THEN NULL ELSE use || coalesce(': ' || reason, '') END AS mediaComments
FROM held_images ORDER BY key
"""

_SHOWN = """
CREATE OR REPLACE TABLE shown (
    level TINYINT, key VARCHAR, position BIGINT, id VARCHAR, place VARCHAR, image_id VARCHAR, event_id VARCHAR,
    began VARCHAR, ended VARCHAR, kind VARCHAR, taxon VARCHAR, count BIGINT, confidence FLOAT, x DOUBLE, y DOUBLE,
    right_x DOUBLE, bottom_y DOUBLE
)
"""
"""What was seen: level 0 in images, 1 in events."""

_KINDS = (
    """
SELECT 0 AS level, key, position, image_id || ':' || position AS id, place, image_id, event_id, taken AS began, taken AS ended,
    'animal' AS kind, boxes.taxon, if(x1 IS NULL, NULL, 1) AS count, coalesce(reclassified.confidence, confidence) AS confidence,
    within(x1::DOUBLE / boxes.width) AS x, within(y1::DOUBLE / boxes.height) AS y,
    within(x2::DOUBLE / boxes.width) AS right_x,
    within(y2::DOUBLE / boxes.height) AS bottom_y
FROM detections AS boxes JOIN held_images USING (key) JOIN (SELECT key, event_id FROM image_events) USING (key)
WHERE boxes.role = 'count' AND (key, position) NOT IN (SELECT (key, position) FROM person_boxes)
""",
    """
SELECT 0 AS level, key, position, image_id || ':' || position AS id, place, image_id, taken AS began, taken AS ended,
    'human' AS kind, if(x1 IS NULL, NULL, 1) AS count, confidence
FROM person_boxes JOIN held_images USING (key)
""",
    f"""
SELECT 0 AS level, key, -1 AS position, image_id || ':blank' AS id, place, image_id, event_id,
    strftime(captured_at, {TIME}) AS began, began AS ended, 'blank' AS kind
FROM image_events WHERE detections = 0 AND NOT people
""",
    """
SELECT 0 AS level, key, -1 AS position, image_id || ':unclassified' AS id, place, image_id, taken AS began, taken AS ended,
    'unclassified' AS kind
FROM held_images WHERE use IN ('unusable', 'failed') AND NOT people
""",
    f"""
SELECT 1 AS level, min(key) AS key, row_number() OVER (PARTITION BY event_id ORDER BY taxon) AS position,
    'event-' || event_id || ':' || substr(sha256(taxon), 1, 16) AS id, place, event_id, strftime(event_start, {TIME}) AS began,
    strftime(event_end, {TIME}) AS ended, 'animal' AS kind, taxon, nullif(max(boxes), 0) AS count
FROM (FROM image_events WHERE NOT cut) JOIN (
    SELECT key, taxon, count(x1) AS boxes FROM detections
    WHERE role = 'count' AND use = 'used' AND (key, position) NOT IN (SELECT (key, position) FROM person_boxes) GROUP BY ALL
) USING (key)
GROUP BY event_id, place, event_start, event_end, taxon
""",
    f"""
SELECT 1 AS level, min(key) AS key, 0 AS position, 'event-' || event_id || ':blank' AS id, place, event_id,
    strftime(event_start, {TIME}) AS began, strftime(event_end, {TIME}) AS ended, 'blank' AS kind
FROM image_events WHERE NOT cut GROUP BY event_id, place, event_start, event_end
HAVING max(detections) = 0 AND NOT bool_or(people)
""",
)
"""Each is put there by itself: joined and sorted in one query, those of ten million images took more than 2 GB."""

_WITHIN = "CREATE OR REPLACE MACRO within(share) AS CASE WHEN share IS NOT NULL THEN least(greatest(share, 0), 1) END"
"""Of no share, as of an image without a box, greatest would make 0."""

OBSERVATIONS = """
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


def find_seen(database: Database, answer: Answer, places: Places, where: Where) -> None:
    """Make the tables that `MEDIA` and `OBSERVATIONS` are read from.

    Makes: held_images, cut_events, image_events, shown

    Raises:
        ConfigError: The answer was made before events were told: each image of a burst would be one of its own.
    """
    database.set_variable("classified_by", answer.plan.models_with_hash)
    _find_events(database, answer, places, where)
    database.run(_WITHIN)
    for statement in (_SHOWN, *(f"INSERT INTO shown BY NAME {kind}" for kind in _KINDS)):
        database.run(statement)


def count_cut(database: Database) -> dict[str, int]:
    """Count events that are told in part, in words."""
    cut = int(database.value("SELECT count(*) FROM cut_events"))
    return {"events that go on outside the time asked for (their images stand without eventID)": cut} if cut else {}


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
