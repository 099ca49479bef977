-- Every stored box with what its class means, whether it counts or not. `position` is its place in its row; first_class_id the class by
-- which the model dropped boxes that overlap; threshold the confidence from which it counts.
-- Tables: accounted, classes (class_id, class_name, taxon, aphia_id, role, conf, own_conf, merged).
CREATE OR REPLACE VIEW class_boxes AS
SELECT boxes.*, class_id AS first_class_id, classes.class_name, classes.taxon, classes.aphia_id, classes.role, classes.merged,
    classes.conf AS threshold
FROM (
    SELECT key, object_version, unnest(range(len(detections))) AS position, unnest(detections, recursive := true)
    FROM accounted
    WHERE fate IN ('reused', 'processed') AND status = 'processed'
) AS boxes JOIN classes USING (class_id);
