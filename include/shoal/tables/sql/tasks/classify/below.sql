-- Best scores of a classifier below the confidence that applies to their class, for histograms and sliders: they count nowhere.
-- Tables: as for boxes that count.
CREATE OR REPLACE VIEW below AS
SELECT key, object_version, 0::BIGINT AS position, best.class_id, confidence,
    NULL::FLOAT AS x1, NULL::FLOAT AS y1, NULL::FLOAT AS x2, NULL::FLOAT AS y2, class_name, taxon, aphia_id, role
FROM (
    SELECT key, object_version, list_position(class_scores, list_max(class_scores)) - 1 AS class_id,
        list_max(class_scores) AS confidence
    FROM accounted
    WHERE fate IN ('reused', 'processed') AND status = 'processed'
) AS best JOIN classes USING (class_id)
WHERE confidence < classes.conf AND role <> 'ignore';
