-- Second balance: every examined image (processed or reused) has exactly one use.
--   failed     the model never saw it: no count and no effort
--   unusable   damaged inside, too dark, bright or blurred by the dataset's rule, or shows a class of role `exclude_image`
--   duplicate  same content as an earlier one; with clock.unique also: same camera and instant
--   undated    no capture time: counted here and kept out of every series
--   used       the effort: beside every number stand the used images it was found in
-- Many files are uploaded in one second: a time of upload makes no image a duplicate, and of two with the same content the one
-- whose time is its own is kept.
-- unusable_cause: why an image is that; the first of these causes that holds.
-- Variables: damaged_usable, luma_min, luma_max, sharpness_min, clock_unique.
CREATE OR REPLACE MACRO unusable_cause(damaged, luma_mean, sharpness) AS CASE
    WHEN damaged IS NOT NULL AND NOT getvariable('damaged_usable') THEN 'damaged inside'
    WHEN luma_mean < getvariable('luma_min') THEN 'too dark'
    WHEN luma_mean > getvariable('luma_max') THEN 'too bright'
    WHEN sharpness < getvariable('sharpness_min') THEN 'too blurred'
    ELSE 'showing what excludes an image'
END;

CREATE OR REPLACE TABLE images AS
WITH examined AS (
    SELECT * EXCLUDE (detections) FROM accounted WHERE fate IN ('reused', 'processed', 'failed')
), excluded AS (
    SELECT DISTINCT key FROM detections WHERE role = 'exclude_image'
), judged AS (
    SELECT examined.*,
        status = 'failed' AS is_failed,
        status = 'processed' AND (
            excluded.key IS NOT NULL
            OR (damaged IS NOT NULL AND NOT getvariable('damaged_usable'))
            OR luma_mean < getvariable('luma_min') OR luma_mean > getvariable('luma_max')
            OR sharpness < getvariable('sharpness_min')
        ) AS is_unusable
    FROM examined LEFT JOIN excluded USING (key)
), contents AS (
    SELECT *,
        row_number() OVER (
            PARTITION BY is_failed OR is_unusable, content_sha256
            ORDER BY captured_at IS NULL, coalesce(clock_flag = 'uploaded', false), captured_at, key
        ) AS content_rank
    FROM judged
), ranked AS (
    SELECT *,
        row_number() OVER (
            PARTITION BY is_failed OR is_unusable, camera, captured_at, content_rank > 1, coalesce(clock_flag = 'uploaded', false)
            ORDER BY key
        ) AS instant_rank
    FROM contents
)
SELECT ranked.* EXCLUDE (is_failed, is_unusable, content_rank, instant_rank),
    CASE
        WHEN is_failed THEN 'failed'
        WHEN is_unusable THEN 'unusable'
        WHEN content_rank > 1 THEN 'duplicate'
        WHEN getvariable('clock_unique') AND captured_at IS NOT NULL AND instant_rank > 1
            AND clock_flag IS DISTINCT FROM 'uploaded' THEN 'duplicate'
        WHEN captured_at IS NULL THEN 'undated'
        ELSE 'used'
    END AS use
FROM ranked;

-- One number per used image and taxon that was seen in it; confidences as integers, so that sums do not depend on
-- the order in which threads add them.
CREATE OR REPLACE TABLE image_counts AS
SELECT images.key, camera, deployment, captured_at, taxon,
    count(*)::BIGINT AS detections,
    sum(round(confidence * 1000000)::BIGINT)::BIGINT AS confidence_millionths
FROM detections JOIN images USING (key)
WHERE images.use = 'used' AND detections.role = 'count'
GROUP BY ALL;
