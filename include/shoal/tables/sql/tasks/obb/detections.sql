-- Turned boxes that count, as upright ones do. Where classes are merged, a box goes that is too much like a better one of another
-- class, by the measure and the rule of models of turned boxes: also where that one goes itself. Boxes that lie side by side askew
-- are two fish, though the upright boxes around them are nearly one. Where corners are not known the upright boxes are asked. What
-- a model keeps of one class stays.
-- Tables: as for upright boxes. Macros: turned.sql. Variable: iou.
CREATE OR REPLACE TABLE detections AS
WITH examined AS (
    SELECT key, object_version, detections, keypoints
    FROM accounted
    WHERE fate IN ('reused', 'processed') AND status = 'processed'
), boxes AS (
    SELECT key, object_version, unnest(range(len(detections))) AS position, unnest(detections, recursive := true), unnest(keypoints) AS corners
    FROM examined
), thresholded AS (
    SELECT boxes.*, classes.class_name, classes.taxon, classes.aphia_id, classes.role, classes.merged
    FROM boxes JOIN classes USING (class_id)
    WHERE boxes.confidence >= classes.conf AND classes.role <> 'ignore'
), suppressed AS (
    SELECT DISTINCT worse.key, worse.object_version, worse.position
    FROM thresholded AS worse JOIN thresholded AS better USING (key, object_version, taxon)
    WHERE worse.merged AND worse.class_id <> better.class_id
      AND (better.confidence > worse.confidence OR better.confidence = worse.confidence AND better.position < worse.position)
      AND coalesce(alike(spread_of(better.corners), spread_of(worse.corners)), upright_iou(better, worse)) > getvariable('iou')
)
SELECT thresholded.* EXCLUDE (merged, corners)
FROM thresholded
ANTI JOIN suppressed USING (key, object_version, position);
