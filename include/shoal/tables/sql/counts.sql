-- One series per camera, deployment and taxon, with its effort: counts never cross cameras.
-- A row for each bin with effort (`images`); 0 detections: examined and not seen. No row: nobody looked in this bin, or
-- the model does not know the class. `detections` are detections, never individuals; confidence is a score, not a probability.
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
    effort.bin, effort.bin_start, bin_end(effort.bin, effort.bin_start) AS bin_end, effort.camera, effort.deployment,
    taxa.taxon, taxa.aphia_id,
    effort.images,
    coalesce(images_with, 0) AS images_with,
    coalesce(detections, 0) AS detections,
    round(coalesce(detections, 0) / effort.images, 6) AS mean_per_image,
    round(CASE WHEN effort.images > 1 THEN sqrt(greatest(0, (
        coalesce(squares, 0) - coalesce(detections, 0)::DOUBLE * coalesce(detections, 0) / effort.images
    ) / (effort.images - 1))) END, 6) AS sd_per_image,
    round(coalesce(images_with, 0) / effort.images, 6) AS share_with,
    coalesce(maxn, 0) AS maxn,
    maxn_key,
    round(confidence_millionths / 1000000 / detections, 6) AS mean_confidence,
    effort.censored_images
FROM effort
CROSS JOIN taxa
LEFT JOIN seen
    ON seen.bin = effort.bin AND seen.camera = effort.camera AND seen.bin_start = effort.bin_start
    AND seen.deployment IS NOT DISTINCT FROM effort.deployment AND seen.taxon = taxa.taxon;
