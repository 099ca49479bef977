-- Stored boxes below the confidence that applies to their class, for histograms and sliders: they count nowhere. Classes of role
-- `ignore` are left out here too.
-- Tables: as for the detections that count.
CREATE OR REPLACE VIEW below AS
SELECT boxes.*, classes.class_name, classes.taxon, classes.aphia_id, classes.role
FROM (
    SELECT key, object_version, unnest(range(len(detections))) AS position, unnest(detections, recursive := true)
    FROM accounted
    WHERE fate IN ('reused', 'processed') AND status = 'processed'
) AS boxes JOIN classes USING (class_id)
WHERE boxes.confidence < classes.conf AND classes.role <> 'ignore';
