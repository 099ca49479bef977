-- What a classifier's images count as: each image at most once, as the class that scores best of all, where that score is at or
-- above the confidence that applies to the class. Classes of role `ignore` are left out. It has no box.
-- Tables: as for boxes that count.
CREATE OR REPLACE TABLE detections AS
WITH scores AS (
    SELECT key, object_version, unnest(range(len(class_scores)))::INTEGER AS class_id, unnest(class_scores) AS confidence
    FROM accounted
    WHERE fate IN ('reused', 'processed') AND status = 'processed'
), best AS (
    SELECT key, object_version, first(class_id ORDER BY confidence DESC, class_id) AS class_id, max(confidence) AS confidence
    FROM scores
    GROUP BY key, object_version
)
SELECT key, object_version, 0::BIGINT AS position, class_id, confidence,
    NULL::FLOAT AS x1, NULL::FLOAT AS y1, NULL::FLOAT AS x2, NULL::FLOAT AS y2, class_name, taxon, aphia_id, role
FROM best JOIN classes USING (class_id)
WHERE confidence >= classes.conf AND role <> 'ignore';
