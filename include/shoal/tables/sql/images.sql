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

-- Ranks are for those alone that share a content or an instant with others: with all its columns an image is long to sort.
CREATE OR REPLACE TABLE judged AS
WITH excluded AS (
    SELECT DISTINCT key FROM detections WHERE role = 'exclude_image'
)
SELECT accounted.rowid AS n, accounted.key, content_sha256, camera, captured_at,
    coalesce(clock_flag = 'uploaded', false) AS is_uploaded,
    status = 'failed' AS is_failed,
    status = 'processed' AND (
        excluded.key IS NOT NULL
        OR (damaged IS NOT NULL AND NOT getvariable('damaged_usable'))
        OR luma_mean < getvariable('luma_min') OR luma_mean > getvariable('luma_max')
        OR sharpness < getvariable('sharpness_min')
    ) AS is_unusable
FROM accounted LEFT JOIN excluded ON excluded.key = accounted.key
WHERE fate IN ('reused', 'processed', 'failed');

CREATE OR REPLACE TABLE later_copies AS
WITH good AS (
    SELECT *, is_failed OR is_unusable AS is_bad FROM judged WHERE is_bad IS NOT true
), shared AS (
    SELECT is_bad, content_sha256 FROM good GROUP BY is_bad, content_sha256 HAVING count(*) > 1
)
SELECT n FROM good WHERE EXISTS (
    FROM shared WHERE shared.content_sha256 IS NOT DISTINCT FROM good.content_sha256 AND shared.is_bad IS NOT DISTINCT FROM good.is_bad
)
QUALIFY row_number() OVER (
    PARTITION BY is_bad, content_sha256 ORDER BY captured_at IS NULL, is_uploaded, captured_at, key
) > 1;

CREATE OR REPLACE TABLE later_of_instant AS
WITH good AS (
    SELECT *, is_failed OR is_unusable AS is_bad FROM judged ANTI JOIN later_copies USING (n)
    WHERE is_bad IS NOT true AND captured_at IS NOT NULL AND NOT is_uploaded AND getvariable('clock_unique')
), shared AS (
    SELECT camera, captured_at FROM good GROUP BY camera, captured_at HAVING count(*) > 1
)
SELECT n FROM good SEMI JOIN shared USING (camera, captured_at)
QUALIFY row_number() OVER (PARTITION BY is_bad, camera, captured_at ORDER BY key) > 1;

CREATE OR REPLACE TABLE images AS
SELECT accounted.* EXCLUDE (detections),
    CASE
        WHEN is_failed THEN 'failed'
        WHEN is_unusable THEN 'unusable'
        WHEN later_copies.n IS NOT NULL OR later_of_instant.n IS NOT NULL THEN 'duplicate'
        WHEN judged.captured_at IS NULL THEN 'undated'
        ELSE 'used'
    END AS use
FROM accounted
JOIN judged ON judged.n = accounted.rowid
LEFT JOIN later_copies ON later_copies.n = accounted.rowid
LEFT JOIN later_of_instant ON later_of_instant.n = accounted.rowid;

DROP TABLE judged;
DROP TABLE later_copies;
DROP TABLE later_of_instant;

-- One number per used image and taxon that was seen in it; confidences as integers, so that sums do not depend on
-- the order in which threads add them.
CREATE OR REPLACE TABLE image_counts AS
WITH seen AS (
    SELECT key, taxon,
        count(*)::BIGINT AS detections,
        sum(round(confidence * 1000000)::BIGINT)::BIGINT AS confidence_millionths
    FROM detections WHERE role = 'count'
    GROUP BY key, taxon
)
SELECT images.key, camera, deployment, captured_at, taxon, detections, confidence_millionths
FROM seen JOIN images USING (key)
WHERE images.use = 'used';
