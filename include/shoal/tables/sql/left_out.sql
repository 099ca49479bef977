-- What the report says of images that are in no number.

-- Why images are unusable.
CREATE OR REPLACE VIEW unusable AS
WITH caused AS (
    SELECT unusable_cause(damaged, luma_mean, sharpness) AS cause FROM images WHERE use = 'unusable'
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
