-- One line per camera, deployment and taxon over the whole time: the table of the report.
-- mean_of_days: mean of the daily means, so that days with many images weigh no more than days with few.
-- events, groups and the means of MaxN over them: see events.sql.
-- first_image, last_image: on the camera's axis; of a series that lies outside it as a whole those of all its images.
CREATE OR REPLACE VIEW series AS
WITH effort AS (
    SELECT * FROM deployed
), seen AS (
    SELECT camera, deployment, taxon,
        count(*)::BIGINT AS images_with,
        sum(detections)::BIGINT AS detections,
        sum(detections * detections)::BIGINT AS squares,
        max(detections) AS maxn,
        arg_min(key, (-detections, captured_at, key)) AS maxn_key
    FROM image_counts
    GROUP BY ALL
), daily AS (
    SELECT camera, deployment, taxon, day, sum(detections)::BIGINT AS detections
    FROM (SELECT *, bin_start('day', captured_at) AS day FROM image_counts)
    GROUP BY ALL
), daily_effort AS (
    SELECT camera, deployment, bin_start('day', captured_at) AS day, count(*)::BIGINT AS images
    FROM images WHERE use = 'used'
    GROUP BY ALL
), day_means AS (
    SELECT daily_effort.camera, daily_effort.deployment, taxa.taxon,
        sum(round(1000000 * coalesce(daily.detections, 0) / daily_effort.images)::BIGINT) / 1000000 / count(*) AS mean_of_days
    FROM daily_effort CROSS JOIN taxa
    LEFT JOIN daily
        ON daily.camera = daily_effort.camera AND daily.deployment IS NOT DISTINCT FROM daily_effort.deployment
        AND daily.day = daily_effort.day AND daily.taxon = taxa.taxon
    GROUP BY ALL
)
SELECT effort.camera, effort.deployment, taxa.taxon, taxa.aphia_id, images,
    coalesce(images_with, 0) AS images_with,
    coalesce(detections, 0) AS detections,
    round(coalesce(detections, 0) / images, 6) AS mean_per_image,
    round(CASE WHEN images > 1 THEN sqrt(greatest(0, (
        coalesce(squares, 0) - coalesce(detections, 0)::DOUBLE * coalesce(detections, 0) / images
    ) / (images - 1))) END, 6) AS sd_per_image,
    round(mean_of_days, 6) AS mean_of_days,
    coalesce(maxn, 0) AS maxn,
    maxn_key,
    events, events_with,
    round(CASE WHEN events > 0 THEN maxn_of_events / events END, 6) AS mean_maxn_of_events,
    groups,
    round(CASE WHEN groups > 0 THEN maxn_of_groups / groups END, 6) AS mean_maxn_of_groups,
    first_image, last_image
FROM effort CROSS JOIN taxa
LEFT JOIN seen
    ON seen.camera = effort.camera AND seen.deployment IS NOT DISTINCT FROM effort.deployment AND seen.taxon = taxa.taxon
LEFT JOIN maxn_of_equal_effort AS equal
    ON equal.camera = effort.camera AND equal.deployment IS NOT DISTINCT FROM effort.deployment AND equal.taxon = taxa.taxon
LEFT JOIN day_means
    ON day_means.camera = effort.camera AND day_means.deployment IS NOT DISTINCT FROM effort.deployment
    AND day_means.taxon = taxa.taxon;
