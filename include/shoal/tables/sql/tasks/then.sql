-- Every stored box of two models in a row, in place of those of one. Its class is the second model's where that said one, else the
-- first's. A class of the first that does not count (people above all) stays, whatever the second says of it.
-- It counts from the confidence of the class that it is counted as, where the dataset file has one for it, else from that of the
-- first model's class: a box's own score is the first model's. Boxes of different first classes may be one fish seen twice.
-- Tables: accounted, classes, then_classes (then_id, class_id). Variable: first_classes, how many the first model has.
CREATE OR REPLACE VIEW class_boxes AS
WITH boxes AS (
    SELECT key, object_version, unnest(range(len(detections))) AS position, unnest(detections, recursive := true),
        unnest(reclassified) AS said
    FROM accounted
    WHERE fate IN ('reused', 'processed') AND status = 'processed'
), called AS (
    SELECT boxes.* EXCLUDE (class_id, said), boxes.class_id AS first_class_id, first.class_name AS first_class_name,
        first.conf AS first_conf, CASE WHEN first.role = 'count' THEN then_classes.class_id END AS then_class_id,
        said.confidence AS said_score
    FROM boxes JOIN classes AS first ON first.class_id = boxes.class_id
    LEFT JOIN then_classes ON then_classes.then_id = said.class_id
)
SELECT key, object_version, position, classes.class_id, confidence, x1, y1, x2, y2, first_class_id, first_class_name,
    CASE WHEN then_class_id IS NOT NULL THEN said_score END AS then_score,
    classes.class_name, classes.taxon, classes.aphia_id, classes.role, classes.merged OR getvariable('first_classes') > 1 AS merged,
    coalesce(classes.own_conf, first_conf) AS threshold
FROM called JOIN classes ON classes.class_id = coalesce(then_class_id, first_class_id);
