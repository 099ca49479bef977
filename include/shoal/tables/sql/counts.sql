-- One series per camera, deployment and taxon, with its effort: counts never cross cameras.
-- A row for each bin with effort: used images, or of a camera that something in front of it releases (captureMethod
-- activityDetection) a part of a day or month in which it was at work, whether or not something came by (`camera_days`). With
-- images, 0 detections: examined and not seen. With 0 images: at work and nothing came by; there is no mean of no image. No row: nobody
-- looked in this bin, or the model does not know the class. `detections` are detections, never individuals; confidence is a
-- score, not a probability.
-- `censored_images` reached max_det (judged at the lowest stored score): their counts may be lower bounds.
-- `counts` is a view: bins times taxa are never held. Half hours and hours have no camera_days, and no row without an image.
-- Variables: bins. Tables: images, image_counts, axis, deployment_spans, not_working_spans, taxa (taxon, aphia_id).

-- Days at work of cameras that are released, cut off where the axis ends; a whole day is 1, whether it has 23, 24 or 25 hours. In
-- billionths: sums of whole numbers do not depend on their order.
CREATE OR REPLACE TABLE worked_days AS
WITH stays AS (
    SELECT stays.camera, deployment,
        greatest(coalesce(stays.start_at, axis.start_at), axis.start_at) AS start_at,
        least(coalesce(stays.end_at, axis.end_at), axis.end_at) AS end_at
    FROM deployment_spans AS stays JOIN axis USING (camera) WHERE motion
), days AS (
    -- Distinct, for the noon of a day that a zone left out is the next day's.
    SELECT DISTINCT camera, deployment, start_at, end_at, bin_start('day', noon_of(day)) AS day_start
    FROM (SELECT *, unnest(range(local_day(start_at), local_day(end_at) + INTERVAL 1 DAY, INTERVAL 1 DAY)) AS day FROM stays) AS stays
), bounds AS (
    SELECT camera, deployment, day_start, bin_end('day', day_start) AS day_end, start_at, end_at,
        greatest(start_at, day_start) AS from_at, least(end_at, bin_end('day', day_start)) AS to_at
    FROM days
), paused AS (
    SELECT camera, deployment, day_start, sum(datediff('microsecond', greatest(from_at, pauses.start_at), least(to_at, pauses.end_at)))::BIGINT AS us
    FROM bounds JOIN not_working_spans AS pauses USING (camera, deployment)
    WHERE pauses.start_at < to_at AND pauses.end_at > from_at
    GROUP BY ALL
)
SELECT camera, deployment, day_start,
    ((datediff('microsecond', from_at, to_at) - coalesce(paused.us, 0))::HUGEINT * 1000000000
        // datediff('microsecond', day_start, day_end))::BIGINT AS day_billionths
FROM bounds LEFT JOIN paused USING (camera, deployment, day_start)
WHERE to_at > from_at AND datediff('microsecond', from_at, to_at) > coalesce(paused.us, 0);

-- Series and taxa by number, in the order of the files: names are long, and years of half hours are many rows to join and sort.
CREATE OR REPLACE TABLE numbered_series AS
SELECT (row_number() OVER (ORDER BY camera, deployment NULLS FIRST))::INTEGER AS series_n, camera, deployment
FROM (SELECT camera, deployment FROM images WHERE use = 'used' UNION SELECT camera, deployment FROM worked_days);
CREATE OR REPLACE TABLE numbered_taxa AS
SELECT (row_number() OVER (ORDER BY taxon))::INTEGER AS taxon_n, taxon, aphia_id FROM taxa;

CREATE OR REPLACE MACRO effort_of(width) AS TABLE
WITH looked AS (
    SELECT camera, deployment, bin_start(width, captured_at) AS bin_start,
        count(*)::BIGINT AS images, count(*) FILTER (max_det_reached)::BIGINT AS censored_images, NULL::BIGINT AS day_billionths
    FROM images WHERE use = 'used'
    GROUP BY ALL
), worked AS (
    SELECT camera, deployment, bin_start(width, day_start) AS bin_start, 0 AS images, 0 AS censored_images, sum(day_billionths)::BIGINT AS day_billionths
    FROM worked_days WHERE width IN ('day', 'month')
    GROUP BY ALL
), bins AS (
    SELECT camera, deployment, bin_start, sum(images)::BIGINT AS images, sum(censored_images)::BIGINT AS censored_images,
        round(sum(day_billionths) / 1000000000, 6) AS camera_days
    FROM (FROM looked UNION ALL FROM worked)
    GROUP BY ALL
)
SELECT width AS bin, series_n, bin_start, images, censored_images,
    CASE WHEN motion AND width IN ('day', 'month') THEN coalesce(camera_days, 0) END AS camera_days
FROM bins
JOIN numbered_series AS series ON series.camera = bins.camera AND series.deployment IS NOT DISTINCT FROM bins.deployment
LEFT JOIN deployment_spans AS stays ON stays.camera = bins.camera AND stays.deployment = bins.deployment;

-- One part of so many of the hours, for bins of an hour or less: for each of them the name of an image is held.
CREATE OR REPLACE MACRO seen_in_part(width, part, parts) AS TABLE
WITH bins AS (
    SELECT camera, deployment, bin_start(width, captured_at) AS bin_start, taxon,
        count(*)::BIGINT AS images_with,
        sum(detections)::BIGINT AS detections,
        sum(detections * detections)::BIGINT AS squares,
        sum(confidence_millionths)::BIGINT AS confidence_millionths,
        max(detections) AS maxn,
        arg_min(key, (-detections, captured_at, key)) AS maxn_key
    FROM image_counts
    WHERE parts = 1 OR hash(date_trunc('hour', captured_at)) % parts = part
    GROUP BY ALL
)
SELECT width AS bin, series_n, taxon_n, bins.* EXCLUDE (camera, deployment, taxon)
FROM bins
JOIN numbered_series AS series ON series.camera = bins.camera AND series.deployment IS NOT DISTINCT FROM bins.deployment
JOIN numbered_taxa USING (taxon);

CREATE OR REPLACE MACRO seen_in(width) AS TABLE FROM seen_in_part(width, 0, 1);

-- Width by width: what one holds in memory would be four times as much for all of them together.
CREATE OR REPLACE TABLE effort_bins AS FROM effort_of('30min') WHERE list_contains(getvariable('bins'), '30min');
INSERT INTO effort_bins FROM effort_of('hour') WHERE list_contains(getvariable('bins'), 'hour');
INSERT INTO effort_bins FROM effort_of('day') WHERE list_contains(getvariable('bins'), 'day');
INSERT INTO effort_bins FROM effort_of('month') WHERE list_contains(getvariable('bins'), 'month');
-- Those of an hour or less are filled part by part, see summary/tables.py.
CREATE OR REPLACE TABLE seen_bins AS FROM seen_in('day') WHERE list_contains(getvariable('bins'), 'day');
INSERT INTO seen_bins FROM seen_in('month') WHERE list_contains(getvariable('bins'), 'month');

-- In the order of series_n, taxon_n, bin_start equal values lie side by side.
CREATE OR REPLACE VIEW counts AS
SELECT
    effort.bin, effort.bin_start, bin_end(effort.bin, effort.bin_start) AS bin_end, camera, deployment, taxon, aphia_id,
    effort.images, effort.camera_days,
    coalesce(images_with, 0) AS images_with,
    coalesce(detections, 0) AS detections,
    round(CASE WHEN effort.images > 0 THEN coalesce(detections, 0) / effort.images END, 6) AS mean_per_image,
    round(CASE WHEN effort.images > 1 THEN sqrt(greatest(0, (
        coalesce(squares, 0) - coalesce(detections, 0)::DOUBLE * coalesce(detections, 0) / effort.images
    ) / (effort.images - 1))) END, 6) AS sd_per_image,
    coalesce(maxn, 0) AS maxn,
    maxn_key,
    round(confidence_millionths / 1000000 / detections, 3) AS mean_confidence,
    effort.censored_images,
    effort.series_n, numbered_taxa.taxon_n
FROM effort_bins AS effort
JOIN numbered_series USING (series_n)
CROSS JOIN numbered_taxa
LEFT JOIN seen_bins AS seen
    ON seen.bin = effort.bin AND seen.bin_start = effort.bin_start
    AND seen.series_n = effort.series_n AND seen.taxon_n = numbered_taxa.taxon_n;

-- What two answers must have alike to have the same counts, in whatever files: independent of order, memory and threads.
CREATE OR REPLACE VIEW counts_digest AS
SELECT
    (SELECT coalesce(bit_xor(md5_number(to_json(numbered_series)::VARCHAR)), 0)::VARCHAR FROM numbered_series) AS series,
    (SELECT coalesce(bit_xor(md5_number(to_json(numbered_taxa)::VARCHAR)), 0)::VARCHAR FROM numbered_taxa) AS taxa,
    (SELECT coalesce(bit_xor(md5_number(to_json(effort_bins)::VARCHAR)), 0)::VARCHAR FROM effort_bins) AS effort,
    (SELECT coalesce(bit_xor(md5_number(to_json(seen_bins)::VARCHAR)), 0)::VARCHAR FROM seen_bins) AS seen;
