-- One series per camera, deployment and taxon, with its effort: counts never cross cameras.
-- `images` is the effort. 0 detections: examined and not seen. Empty numbers: no effort in this bin. No row: the model
-- does not know the class. `detections` are detections, never individuals; confidence is a score, not a probability.
-- Bins of an hour or less are UTC; day and month begin at midnight in report.zone. Times are written in UTC.
-- `censored_images` reached max_det (judged at the lowest stored score): their counts may be lower bounds.
-- Variables: bins, report_zone. Table: taxa (taxon, aphia_id).
CREATE OR REPLACE MACRO local_bin(width, moment) AS
    ((date_trunc(width, (moment AT TIME ZONE 'UTC') AT TIME ZONE getvariable('report_zone')))
        AT TIME ZONE getvariable('report_zone')) AT TIME ZONE 'UTC';

CREATE OR REPLACE MACRO bin_start(width, moment) AS CASE width
    WHEN '30min' THEN time_bucket(INTERVAL 30 MINUTE, moment)
    WHEN 'hour' THEN date_trunc('hour', moment)
    WHEN 'day' THEN local_bin('day', moment)
    ELSE local_bin('month', moment)
END;

-- The moment after a bin's start that lies in the next bin, whatever the length of a day or month there.
CREATE OR REPLACE MACRO bin_end(width, start) AS CASE width
    WHEN '30min' THEN start + INTERVAL 30 MINUTE
    WHEN 'hour' THEN start + INTERVAL 1 HOUR
    WHEN 'day' THEN local_bin('day', start + INTERVAL 36 HOUR)
    ELSE local_bin('month', start + INTERVAL 40 DAY)
END;

CREATE OR REPLACE TABLE counts AS
WITH widths AS (
    SELECT unnest(getvariable('bins')) AS bin
), used AS (
    SELECT key, camera, deployment, captured_at, max_det_reached FROM images WHERE use = 'used'
), effort AS (
    SELECT bin, camera, deployment, bin_start(bin, captured_at) AS bin_start,
        count(*)::BIGINT AS images,
        count(*) FILTER (max_det_reached)::BIGINT AS censored_images
    FROM used CROSS JOIN widths
    GROUP BY ALL
), spans AS (
    SELECT bin, camera, deployment, min(bin_start) AS first_start, max(bin_start) AS last_start FROM effort GROUP BY ALL
), steps AS (
    SELECT *, unnest(generate_series(first_start, last_start, CASE bin
        WHEN '30min' THEN INTERVAL 30 MINUTE WHEN 'hour' THEN INTERVAL 1 HOUR
        WHEN 'day' THEN INTERVAL 12 HOUR ELSE INTERVAL 14 DAY END)) AS step
    FROM spans
), axis AS (
    SELECT DISTINCT bin, camera, deployment, bin_start(bin, step) AS bin_start FROM steps
    UNION
    SELECT bin, camera, deployment, bin_start FROM effort
), seen AS (
    SELECT bin, camera, deployment, bin_start(bin, captured_at) AS bin_start, taxon,
        count(*)::BIGINT AS images_with,
        sum(detections)::BIGINT AS detections,
        sum(detections * detections)::BIGINT AS squares,
        sum(confidence_millionths)::BIGINT AS confidence_millionths,
        max(detections) AS maxn,
        arg_min(key, (-detections, captured_at, key)) AS maxn_key
    FROM image_counts CROSS JOIN widths
    GROUP BY ALL
)
SELECT
    axis.bin, axis.bin_start, bin_end(axis.bin, axis.bin_start) AS bin_end, axis.camera, axis.deployment,
    taxa.taxon, taxa.aphia_id,
    coalesce(effort.images, 0) AS images,
    CASE WHEN effort.images > 0 THEN coalesce(images_with, 0) END AS images_with,
    CASE WHEN effort.images > 0 THEN coalesce(detections, 0) END AS detections,
    round(CASE WHEN effort.images > 0 THEN coalesce(detections, 0) / effort.images END, 6) AS mean_per_image,
    round(CASE WHEN effort.images > 1 THEN sqrt(greatest(0, (
        coalesce(squares, 0) - coalesce(detections, 0)::DOUBLE * coalesce(detections, 0) / effort.images
    ) / (effort.images - 1))) END, 6) AS sd_per_image,
    round(CASE WHEN effort.images > 0 THEN coalesce(images_with, 0) / effort.images END, 6) AS share_with,
    CASE WHEN effort.images > 0 THEN coalesce(maxn, 0) END AS maxn,
    maxn_key,
    round(confidence_millionths / 1000000 / detections, 6) AS mean_confidence,
    CASE WHEN effort.images > 0 THEN censored_images END AS censored_images
FROM axis
CROSS JOIN taxa
LEFT JOIN effort
    ON effort.bin = axis.bin AND effort.camera = axis.camera AND effort.bin_start = axis.bin_start
    AND effort.deployment IS NOT DISTINCT FROM axis.deployment
LEFT JOIN seen
    ON seen.bin = axis.bin AND seen.camera = axis.camera AND seen.bin_start = axis.bin_start
    AND seen.deployment IS NOT DISTINCT FROM axis.deployment AND seen.taxon = taxa.taxon;
