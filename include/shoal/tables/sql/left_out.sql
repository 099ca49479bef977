-- What the report says of images that are in no number.
-- Variables: damaged_usable, luma_min, luma_max, sharpness_min.

-- Why images are unusable: each is counted once, under the first of these causes that holds.
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

-- Why images could not be examined: the commonest words, which tell the way out; words that differ in numbers are the same.
CREATE OR REPLACE VIEW unexamined AS
WITH told AS (
    SELECT coalesce(reason, fate) AS reason, key, coalesce(detail, '') AS words
    FROM accounted
    WHERE status = 'failed' OR fate = 'denied'
)
SELECT reason, count(*)::BIGINT AS images, min(key) AS first_key, arg_min(words, key) AS words
FROM told
GROUP BY reason, regexp_replace(words, '\d+', '0', 'g')
ORDER BY images DESC, reason, first_key
LIMIT 10;
