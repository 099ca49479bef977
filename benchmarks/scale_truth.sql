-- What lies in the benchmark's bucket, and what a model finds there: two tables that the bucket's pages, the rows of the workers and
-- the oracle's numbers are made of. Everything is a function of an image's number, so that each run of it is the same.
-- Five cameras, five years. Of a thousand images about: one without a time in its name, a third of those with one in EXIF; three that
-- cannot be read; two or three damaged inside; ten with the content of another, five of the instant of another of their camera.
-- Variables: keys (images of the first night; those of later nights follow them in time), boxes (mean number of boxes an image).
CREATE MACRO random_share(seed) AS (hash(seed) % 1000003) / 1000003.0;

CREATE MACRO images_between(first, last) AS TABLE
WITH numbered AS (
    SELECT n, n % 5 AS c, (n // 5) * (5 * 365 * 86400 * 5 / getvariable('keys')) AS second_of
    FROM range(first, last) AS numbers(n)
), timed AS (
    SELECT *,
        CASE WHEN n % 1000 = 1 THEN 'undated' WHEN n % 5000 = 2 THEN 'epoch' WHEN n % 5000 = 4003 THEN 'future'
            WHEN n % 200 = 65 THEN 'again' ELSE 'plain' END AS kind,
        date_trunc('second', TIMESTAMP '2019-01-01' + to_seconds(second_of)) AS slot
    FROM numbered
), named AS (
    SELECT *,
        -- The image five numbers before is the same camera's, a moment earlier: its second is taken.
        if(kind = 'again', date_trunc('second', TIMESTAMP '2019-01-01'
            + to_seconds((n // 5 - 1) * (5 * 365 * 86400 * 5 / getvariable('keys')))), slot) AS taken,
        CASE kind WHEN 'epoch' THEN '19700101-000000' WHEN 'future' THEN '20550101-000000' END AS odd_time
    FROM timed
)
SELECT n,
    CASE kind
        WHEN 'undated' THEN format('cam{}/loose/img{:09d}.jpg', c, n)
        WHEN 'epoch' THEN format('cam{}/reset/{:09d}/{}-CAM{}.jpg', c, n, odd_time, c)
        WHEN 'future' THEN format('cam{}/reset/{:09d}/{}-CAM{}.jpg', c, n, odd_time, c)
        ELSE format('cam{}/{}{}-CAM{}.jpg', c, strftime(taken, '%Y/%m/%d/') || if(kind = 'again', 'b/', ''),
            strftime(taken, '%Y%m%d-%H%M%S'), c)
    END AS key,
    md5(n::VARCHAR) AS object_version,
    82000 + n * 7919 % 11000 AS size_bytes,
    slot + INTERVAL 1 HOUR AS last_modified,
    if(kind = 'undated' AND n % 3 = 0 AND n % 499 <> 7 AND n % 997 <> 5, slot, NULL) AS exif_time,
    if(kind = 'undated', 'camera', 'CAM' || c) AS camera,
    CASE kind WHEN 'undated' THEN exif_time WHEN 'epoch' THEN NULL WHEN 'future' THEN NULL ELSE taken END AS captured_at,
    if(kind IN ('epoch', 'future') OR (kind = 'undated' AND exif_time IS NULL), kind, NULL) AS clock_flag,
    CASE WHEN n % 499 = 7 OR n % 997 = 5 THEN 'failed' ELSE 'processed' END AS status,
    CASE WHEN n % 499 = 7 THEN 'truncated' WHEN n % 997 = 5 THEN 'not_image' END AS reason,
    if(status = 'processed' AND n % 401 = 3, format('Corrupt JPEG data: {} extraneous bytes', n % 17), NULL) AS damaged,
    if(status = 'processed', if(n % 100 = 50, n - 7, n), NULL) AS content,
    (20 + 140 * random_share(n * 3 + 1))::FLOAT AS luma_mean,
    (5 + 900 * random_share(n * 3 + 2))::FLOAT AS sharpness,
    status = 'processed' AND n % 5003 = 11 AS max_det_reached,
    if(status = 'processed', (hash(n * 7 + 5) % (2 * getvariable('boxes') + 1)::BIGINT)::INTEGER, 0) AS boxes
FROM named
ORDER BY key;

CREATE TABLE images AS FROM images_between(0, getvariable('keys'));

-- Boxes of one image lie apart, but for its second one, which sometimes lies on the first.
CREATE MACRO boxes_between(first, last) AS TABLE
WITH placed AS (
    SELECT n, unnest(range(boxes))::INTEGER AS position FROM images WHERE n >= first AND n < last
), drawn AS (
    SELECT n, position, random_share(n * 64 + position) AS share, hash(n * 64 + position + 13) % 100 AS spot,
        hash(n * 64 + position + 29) % 30000 AS what
    FROM placed
)
SELECT n, position,
    (CASE WHEN what < 5 THEN 3 ELSE what % 3 END)::INTEGER AS class_id,
    (0.05 + 0.9 * share)::FLOAT AS confidence,
    (CASE WHEN position = 1 AND spot < 3 THEN 2 ELSE position * 100 END)::FLOAT AS x1,
    50::FLOAT AS y1,
    (CASE WHEN position = 1 AND spot < 3 THEN 92 ELSE position * 100 + 90 END)::FLOAT AS x2,
    140::FLOAT AS y2
FROM drawn;

CREATE TABLE boxes AS FROM boxes_between(0, getvariable('keys'));
