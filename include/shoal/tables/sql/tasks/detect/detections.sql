-- Detections that count: at or above the confidence that applies to their class, classes of role `ignore` left out,
-- merged classes under the name they are merged into. `position` is the detection's place in its row.
-- Tables: classes (class_id, class_name, taxon, aphia_id, role, conf, merged).
-- merged_nms(boxes): places to keep when NMS runs again inside a merged class (one fish seen as two classes: one count).
CREATE OR REPLACE TABLE detections AS
WITH examined AS (
    SELECT key, object_version, detections
    FROM accounted
    WHERE fate IN ('reused', 'processed') AND status = 'processed'
), boxes AS (
    SELECT key, object_version, unnest(range(len(detections))) AS position, unnest(detections, recursive := true)
    FROM examined
), thresholded AS (
    SELECT boxes.*, classes.class_name, classes.taxon, classes.aphia_id, classes.role, classes.merged
    FROM boxes JOIN classes USING (class_id)
    WHERE boxes.confidence >= classes.conf AND classes.role <> 'ignore'
), crowded AS (
    -- Only boxes of two classes of one taxon that overlap can be one fish seen twice: few, however large the archive.
    SELECT DISTINCT a.key, a.object_version, a.taxon
    FROM thresholded AS a JOIN thresholded AS b USING (key, object_version, taxon)
    WHERE a.merged AND b.merged AND a.class_id < b.class_id
      AND least(a.x2, b.x2) > greatest(a.x1, b.x1) AND least(a.y2, b.y2) > greatest(a.y1, b.y1)
), suppressed AS (
    SELECT key, object_version, unnest(merged_nms(list({
        'position': position, 'confidence': confidence, 'x1': x1, 'y1': y1, 'x2': x2, 'y2': y2
    }))) AS position
    FROM thresholded SEMI JOIN crowded USING (key, object_version, taxon)
    GROUP BY key, object_version, taxon
)
SELECT thresholded.* EXCLUDE (merged)
FROM thresholded
ANTI JOIN suppressed USING (key, object_version, position);
