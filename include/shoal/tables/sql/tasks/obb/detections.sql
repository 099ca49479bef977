-- Turned boxes that count, as upright ones do. Where classes are merged, NMS runs again with the measure of turned boxes: boxes that
-- lie side by side askew are two fish, though the upright boxes around them are nearly one.
-- Tables: as for upright boxes. Macros: turned.sql. Variable: iou.
-- rivals_of_better(boxes): places that go, of boxes each with those that it is too much like.
CREATE OR REPLACE TABLE detections AS
WITH examined AS (
    SELECT key, object_version, detections, angles
    FROM accounted
    WHERE fate IN ('reused', 'processed') AND status = 'processed'
), boxes AS (
    SELECT key, object_version, unnest(range(len(detections))) AS position, unnest(detections, recursive := true), unnest(angles) AS angle
    FROM examined
), thresholded AS (
    SELECT boxes.*, classes.class_name, classes.taxon, classes.aphia_id, classes.role, classes.merged
    FROM boxes JOIN classes USING (class_id)
    WHERE boxes.confidence >= classes.conf AND classes.role <> 'ignore'
), pairs AS (
    SELECT a.key, a.object_version, a.taxon, a.position AS position, b.position AS other
    FROM thresholded AS a JOIN thresholded AS b USING (key, object_version, taxon)
    WHERE a.merged AND b.merged AND a.position <> b.position AND alike(
        spread_of(a.x1, a.y1, a.x2, a.y2, coalesce(a.angle, 0)), spread_of(b.x1, b.y1, b.x2, b.y2, coalesce(b.angle, 0))
    ) > getvariable('iou')
), crowds AS (
    SELECT key, object_version, taxon, position, confidence, list(other) AS others
    FROM pairs JOIN thresholded USING (key, object_version, taxon, position)
    GROUP BY ALL
), suppressed AS (
    SELECT key, object_version, unnest(rivals_of_better(list({
        'position': position, 'confidence': confidence, 'others': others
    }))) AS position
    FROM crowds
    GROUP BY key, object_version, taxon
)
SELECT thresholded.* EXCLUDE (merged, angle)
FROM thresholded
ANTI JOIN suppressed USING (key, object_version, position);
