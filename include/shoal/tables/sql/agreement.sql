-- Two answers on the same images: those of one content (key, object_version) that both use. Each keeps its own thresholds.
-- Tables: first_images, second_images (key, object_version, use, camera, captured_at); first_boxes, second_boxes, which go (key, position,
-- taxon, class_id, confidence, x1, y1, x2, y2, angle, corners, is_counted). Variable: report_zone.
CREATE OR REPLACE TABLE common_images AS
SELECT key, a.camera, a.captured_at, b.captured_at AS second_captured_at,
    (a.captured_at AT TIME ZONE 'UTC' AT TIME ZONE getvariable('report_zone'))::DATE AS day
FROM first_images AS a JOIN second_images AS b USING (key, object_version)
WHERE a.use = 'used' AND b.use = 'used';

CREATE OR REPLACE TABLE compared_boxes AS
SELECT 1 AS side, * FROM first_boxes SEMI JOIN common_images USING (key)
UNION ALL
SELECT 2 AS side, * FROM second_boxes SEMI JOIN common_images USING (key);
DROP TABLE first_boxes;
DROP TABLE second_boxes;

-- What each counts in an image, by taxon.
CREATE OR REPLACE TABLE compared_counts AS
SELECT key, taxon,
    count(*) FILTER (side = 1)::BIGINT AS first_detections,
    count(*) FILTER (side = 2)::BIGINT AS second_detections
FROM compared_boxes WHERE is_counted
GROUP BY key, taxon;

-- Counted boxes of one image and taxon that overlap enough to be the same thing (intersection over union of 0.5 and more; of turned
-- boxes `alike` of turned.sql, where corners of both are known; else of the upright boxes around them). What both say of an image as a whole is the same thing.
CREATE OR REPLACE TABLE box_pairs AS
WITH counted AS (
    SELECT *, (x2 - x1)::DOUBLE * (y2 - y1) AS area FROM compared_boxes WHERE is_counted
), overlapping AS (
    SELECT a.key, a.taxon, a.position AS first_position, b.position AS second_position, a.area + b.area AS areas,
        greatest(0, least(a.x2, b.x2) - greatest(a.x1, b.x1))::DOUBLE
            * greatest(0, least(a.y2, b.y2) - greatest(a.y1, b.y1)) AS intersection,
        CASE WHEN a.x1 IS NULL AND b.x1 IS NULL THEN 1::DOUBLE
            WHEN a.angle IS NOT NULL AND b.angle IS NOT NULL THEN alike(spread_of(a.corners), spread_of(b.corners)) END AS told
    FROM counted AS a JOIN counted AS b ON a.side = 1 AND b.side = 2 AND a.key = b.key AND a.taxon = b.taxon
)
SELECT key, taxon, first_position, second_position, coalesce(told, intersection / (areas - intersection)) AS iou
FROM overlapping
WHERE CASE WHEN told IS NULL THEN intersection > 0 AND intersection >= 0.5 * (areas - intersection) ELSE told >= 0.5 END;

CREATE OR REPLACE TABLE same_boxes (key VARCHAR, taxon VARCHAR, first_position INTEGER, second_position INTEGER);
