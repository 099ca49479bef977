-- Why images are unusable, for the report: each is counted once, under the first of these causes that holds.
-- Variables: damaged_usable, luma_min, luma_max, sharpness_min.
CREATE OR REPLACE VIEW unusable AS
WITH caused AS (
    SELECT CASE
        WHEN damaged IS NOT NULL AND NOT getvariable('damaged_usable') THEN 'damaged inside'
        WHEN luma_mean < getvariable('luma_min') THEN 'too dark'
        WHEN luma_mean > getvariable('luma_max') THEN 'too bright'
        WHEN sharpness < getvariable('sharpness_min') THEN 'too blurred'
        ELSE 'showing what excludes an image'
    END AS cause
    FROM images WHERE use = 'unusable'
)
SELECT cause, count(*)::BIGINT AS images FROM caused GROUP BY cause ORDER BY images DESC, cause;
