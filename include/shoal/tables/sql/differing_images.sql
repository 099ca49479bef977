-- Images in which one of the two counts a box that the other one does not, with how many both do.
-- Tables: compared_counts, same_boxes, first_images. Variable: compared_taxa, what both can see.
CREATE OR REPLACE TABLE differing_images AS
WITH same AS (
    SELECT key, count(*)::BIGINT AS kept FROM same_boxes
    WHERE list_contains(getvariable('compared_taxa'), taxon) GROUP BY key
), counted AS (
    SELECT key, sum(first_detections)::BIGINT AS first, sum(second_detections)::BIGINT AS second FROM compared_counts
    WHERE list_contains(getvariable('compared_taxa'), taxon) GROUP BY key
), compared AS (
    SELECT key, object_version, coalesce(kept, 0) AS kept, first - coalesce(kept, 0) AS lost, second - coalesce(kept, 0) AS gained
    FROM counted LEFT JOIN same USING (key) JOIN first_images USING (key)
)
FROM compared WHERE lost + gained > 0;
