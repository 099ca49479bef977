-- What a person looks through first: `explore`, one object beside an answer's tables, and the report's own data. Everything follows
-- from the tables of the answer and what the dataset file says; nothing tells of a run. See exports/explore.py for its bounds.
-- Only the taxa with most detections, and the cameras with most images, where there are more than the bounds take.
-- Variables: report_zone, bins, explored_taxa, explored_commonest, explored_cameras, explored_of_kind.
-- Tables: unshown (keys of images that show people), images, image_counts, detections, below, axis, classes, species, effort_bins, seen_bins, deployment_places.
CREATE OR REPLACE TABLE explored_taxa AS
SELECT (row_number() OVER (ORDER BY detections DESC, taxon))::INTEGER AS n, species.*
FROM species
QUALIFY n <= getvariable('explored_taxa')::INTEGER;

CREATE OR REPLACE TABLE explored_cameras AS
SELECT axis.camera, start_at, end_at, images
FROM axis JOIN (SELECT camera, count(*)::BIGINT AS images FROM images WHERE use = 'used' GROUP BY camera) AS effort USING (camera)
QUALIFY row_number() OVER (ORDER BY images DESC, axis.camera) <= getvariable('explored_cameras')::INTEGER;

-- Effort per camera; deployments of one camera follow each other, so their bins are added. Luma and sharpness are medians of the
-- used images: one that a diver's lamp lights, or a fish covers, does not move them.
CREATE OR REPLACE TABLE explored_efforts AS
FROM effort_bins WHERE bin IN ('day', 'month')
UNION ALL FROM effort_of('day') WHERE NOT list_contains(getvariable('bins'), 'day')
UNION ALL FROM effort_of('month') WHERE NOT list_contains(getvariable('bins'), 'month');

CREATE OR REPLACE TABLE explored_sightings AS
FROM seen_bins WHERE bin IN ('day', 'month')
UNION ALL FROM seen_in('day') WHERE NOT list_contains(getvariable('bins'), 'day')
UNION ALL FROM seen_in('month') WHERE NOT list_contains(getvariable('bins'), 'month');

CREATE OR REPLACE TABLE explored_bins AS
WITH effort AS (
    SELECT bin, camera, bin_start, sum(effort.images)::BIGINT AS images, round(sum(camera_days), 3) AS camera_days
    FROM explored_efforts AS effort
    JOIN numbered_series USING (series_n) JOIN explored_cameras USING (camera)
    WHERE bin_end(bin, bin_start) > start_at AND bin_start <= end_at
    GROUP BY ALL
), days AS (
    SELECT 'day' AS bin, camera, bin_start('day', captured_at) AS bin_start, luma_mean, sharpness FROM images WHERE use = 'used'
), seen AS (
    SELECT bin, camera, bin_start, quantile_disc(luma_mean, 0.5) AS luma, quantile_disc(sharpness, 0.5) AS sharpness
    FROM (FROM days UNION ALL SELECT 'month', camera, bin_start('month', bin_start), luma_mean, sharpness FROM days)
    GROUP BY ALL
)
SELECT effort.*, round(luma::DOUBLE, 1) AS luma, round(sharpness::DOUBLE, 1) AS sharpness
FROM effort LEFT JOIN seen USING (bin, camera, bin_start);

-- Where a camera begins to look half as often again or more, or as seldom: the median of images a day, month against month before,
-- of months with five days with images or more. MaxN grows with the number of images looked at.
CREATE OR REPLACE VIEW explored_sampling AS
WITH months AS (
    SELECT camera, bin_start('month', bin_start) AS month_start, quantile_disc(images, 0.5) AS per_day
    FROM explored_bins WHERE bin = 'day' AND images > 0
    GROUP BY ALL HAVING count(*) >= 5
), pairs AS (
    SELECT *, lag(per_day) OVER (PARTITION BY camera ORDER BY month_start) AS before_per_day FROM months
)
FROM pairs WHERE per_day * 2 >= before_per_day * 3 OR before_per_day * 2 >= per_day * 3;

CREATE OR REPLACE TABLE explored_seen AS
SELECT n, bin, camera, bin_start, sum(sightings.detections)::BIGINT AS detections
FROM explored_sightings AS sightings
JOIN numbered_series USING (series_n) JOIN numbered_taxa USING (taxon_n) JOIN explored_taxa USING (taxon)
GROUP BY ALL;

CREATE OR REPLACE VIEW explored_series AS
SELECT n, bin, camera, bin_start, coalesce(seen.detections, 0) AS detections
FROM explored_bins CROSS JOIN (SELECT n FROM explored_taxa) LEFT JOIN explored_seen AS seen USING (n, bin, camera, bin_start);

-- Hours of the day: see explored_steps.sql.
CREATE OR REPLACE TABLE explored_hours AS
WITH hours AS (
    SELECT images.camera, solar, latitude, longitude, date_trunc('hour', captured_at) AS hour_start,
        hour_of_day(captured_at, solar, longitude) AS hour, count(*)::BIGINT AS images
    FROM images
    JOIN camera_clocks ON camera_clocks.camera = images.camera
    LEFT JOIN deployment_places AS places ON places.camera = images.camera AND places.deployment = images.deployment
    WHERE use = 'used'
    GROUP BY ALL
)
SELECT camera, solar, hour, sum(images)::BIGINT AS images,
    CASE WHEN solar THEN (sum(images) FILTER (is_night(hour_start + INTERVAL 30 MINUTE, latitude, longitude)))::BIGINT END AS night_images
FROM hours SEMI JOIN explored_cameras USING (camera)
GROUP BY camera, solar, hour;

CREATE OR REPLACE TABLE explored_hours_seen AS
SELECT n, counted.camera, hour_of_day(captured_at, solar, longitude) AS hour, sum(counted.detections)::BIGINT AS detections
FROM image_counts AS counted
JOIN explored_taxa USING (taxon) JOIN camera_clocks ON camera_clocks.camera = counted.camera
LEFT JOIN deployment_places AS places ON places.camera = counted.camera AND places.deployment = counted.deployment
GROUP BY ALL;

-- Months of the year, in report.zone, January is 0: of all years together.
CREATE OR REPLACE TABLE explored_months AS
SELECT camera, month(local_time(captured_at)) - 1 AS month, count(*)::BIGINT AS images
FROM images SEMI JOIN explored_cameras USING (camera)
WHERE use = 'used'
GROUP BY ALL;

CREATE OR REPLACE TABLE explored_months_seen AS
SELECT n, camera, month(local_time(captured_at)) - 1 AS month, sum(counted.detections)::BIGINT AS detections
FROM image_counts AS counted JOIN explored_taxa USING (taxon)
GROUP BY ALL;

-- Every stored box of used images, those that count and those below: what another threshold would give. Boxes of classes that are
-- merged went through a second NMS only where they count; below the threshold one fish may still be two boxes. Of a classifier only
-- what scores best could count. Variable: best_only.
CREATE OR REPLACE VIEW explored_boxes AS
SELECT n, boxes.key, boxes.class_id, boxes.confidence, boxes.threshold AS conf, camera, captured_at, counted
FROM (
    SELECT key, class_id, taxon, confidence, threshold, true AS counted FROM detections WHERE role = 'count'
    UNION ALL
    SELECT key, class_id, taxon, confidence, threshold, false FROM below WHERE role = 'count' AND (getvariable('best_only') IS NOT TRUE OR position = 0)
) AS boxes
JOIN explored_taxa USING (taxon) JOIN images ON images.key = boxes.key
WHERE images.use = 'used';

CREATE OR REPLACE TABLE explored_scores AS
SELECT n, hundredths(confidence) AS step, count(*)::BIGINT AS boxes FROM explored_boxes GROUP BY ALL;

CREATE OR REPLACE TABLE explored_best_scores AS
SELECT n, hundredths(best) AS step, count(*)::BIGINT AS images
FROM (SELECT n, key, max(confidence) AS best FROM explored_boxes GROUP BY n, key)
GROUP BY ALL;

-- Pictures. maxn: the earliest image with that many. typical: mean scores nearest to the taxon's median, one a camera and day, so
-- that no burst fills them. doubtful: the boxes nearest to the threshold, most of them above, likewise.
CREATE OR REPLACE TABLE explored_pictures AS
WITH shown AS (
    SELECT n, counted.*, confidence_millionths // counted.detections AS mean, explored_taxa.maxn
    FROM image_counts AS counted JOIN explored_taxa USING (taxon) ANTI JOIN unshown USING (key)
), maxn AS (
    SELECT n, arg_min(key, (captured_at, key)) AS key FROM shown WHERE detections = maxn GROUP BY n
), commonest AS (
    SELECT shown.* FROM shown JOIN maxn USING (n)
    WHERE n <= getvariable('explored_commonest')::INTEGER AND shown.key <> maxn.key
), middles AS (
    SELECT n, quantile_disc(mean, 0.5) AS middle FROM commonest GROUP BY n
), of_days AS (
    SELECT n, camera, min(abs(mean - middle)) AS off, arg_min(key, (abs(mean - middle), captured_at, key)) AS key
    FROM commonest JOIN middles USING (n) GROUP BY n, camera, captured_at::DATE
), typical AS (
    SELECT n, key, row_number() OVER (PARTITION BY n ORDER BY off, key) AS place FROM of_days
), doubts AS (
    SELECT n, key, camera, captured_at, counted, abs(round(confidence * 1000000) - round(conf * 1000000))::BIGINT AS off
    FROM explored_boxes ANTI JOIN unshown USING (key)
    WHERE n <= getvariable('explored_commonest')::INTEGER
), doubtful_days AS (
    SELECT n, counted, min(off) AS off, arg_min(key, (off, captured_at, key)) AS key
    FROM doubts GROUP BY n, counted, camera, captured_at::DATE
), doubtful AS (
    SELECT n, key, counted, off, row_number() OVER (PARTITION BY n, counted ORDER BY off, key) AS place FROM doubtful_days
), doubtful_once AS (
    SELECT n, key, bool_or(counted) AS counted, min(off) AS off
    FROM doubtful WHERE place <= if(counted, getvariable('explored_of_kind')::INTEGER - 1, 1)
    GROUP BY n, key
)
SELECT n, 'maxn' AS kind, 1 AS place, key FROM maxn
UNION ALL SELECT n, 'typical', place, key FROM typical WHERE place <= getvariable('explored_of_kind')::INTEGER
UNION ALL SELECT n, 'doubtful', row_number() OVER (PARTITION BY n ORDER BY NOT counted, off, key), key FROM doubtful_once;

CREATE OR REPLACE TABLE explored_picture_boxes AS
WITH wanted AS (
    SELECT DISTINCT key FROM explored_pictures
)
SELECT key, position, class_id, taxon, confidence, x1, y1, x2, y2, true AS counted
FROM detections SEMI JOIN wanted USING (key) WHERE role = 'count'
UNION ALL
SELECT key, position, class_id, taxon, confidence, x1, y1, x2, y2, false
FROM below SEMI JOIN wanted USING (key) WHERE role = 'count' AND (getvariable('best_only') IS NOT TRUE OR position = 0);

-- Why images are in no number, and the first of each by key that may be shown: what no model has looked at only where the dataset
-- file knows no class of people.
CREATE OR REPLACE VIEW explored_failures AS
WITH bad AS (
    SELECT use, if(use = 'failed', reason, unusable_cause(damaged, luma_mean, sharpness)) AS reason, key, object_version, size_bytes, content_sha256,
        unshown.key IS NULL AND CASE use
            WHEN 'failed' THEN NOT EXISTS (FROM classes WHERE role = 'human') AND size_bytes > 0
            ELSE unusable_cause(damaged, luma_mean, sharpness) <> 'showing what excludes an image' END AS may_be_shown
    FROM images LEFT JOIN unshown USING (key)
    WHERE use IN ('failed', 'unusable')
)
SELECT use, reason, count(*)::BIGINT AS images,
    arg_min({
        'key': key, 'object_version': object_version, 'size_bytes': size_bytes, 'content_sha256': content_sha256
    }, key) FILTER (may_be_shown) AS example
FROM bad
GROUP BY use, reason;
