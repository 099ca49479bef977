-- Pixels of each stored mask; NULL where it is none of an image of that size. mask_area: see contract/mask_runs.py.
CREATE OR REPLACE TABLE mask_areas AS
SELECT key, object_version, position, mask_area(mask, width, height) AS area_px
FROM (
    SELECT key, object_version, width, height, unnest(range(len(masks))) AS position, unnest(masks) AS mask
    FROM accounted
    WHERE fate IN ('reused', 'processed') AND status = 'processed'
);
