-- The numbers of the summary as docs/formats.md defines them, from the tables of scale_truth.sql alone. It shares no query with the
-- product, works the plain way, and may take any memory.
-- Settings it stands for: conf 0.25, iou 0.7, usable.luma_min 25, clock.unique, Coris julis counted as Chromis chromis, Sarpa salpa
-- excludes its image, camera CAM1 in one deployment in 2020, the others in one of all years.
CREATE OR REPLACE TABLE oracle_boxes AS
WITH counted AS (
    SELECT boxes.*, CASE class_id WHEN 0 THEN 'Diplodus vulgaris' WHEN 3 THEN 'Sarpa salpa' ELSE 'Chromis chromis' END AS taxon
    FROM boxes WHERE confidence >= 0.25::FLOAT
), worse AS (
    -- Two boxes of one species on one spot, of which one class is counted as the other: the worse one goes.
    SELECT b.n, b.position
    FROM counted AS a JOIN counted AS b ON a.n = b.n AND a.taxon = 'Chromis chromis' AND b.taxon = 'Chromis chromis'
    WHERE a.position <> b.position AND (a.confidence > b.confidence OR a.confidence = b.confidence AND a.position < b.position)
        AND 90 * greatest(0, least(a.x2, b.x2) - greatest(a.x1, b.x1))
            > 0.7 * (2 * 90 * 90 - 90 * greatest(0, least(a.x2, b.x2) - greatest(a.x1, b.x1)))
        AND EXISTS (SELECT 1 FROM counted AS one JOIN counted AS two ON one.n = two.n
            WHERE one.n = a.n AND one.class_id = 1 AND two.class_id = 2
                AND least(one.x2, two.x2) > greatest(one.x1, two.x1))
)
SELECT counted.* FROM counted ANTI JOIN worse USING (n, position);

CREATE OR REPLACE TABLE oracle_images AS
WITH judged AS (
    SELECT images.*,
        CASE WHEN camera = 'CAM1' AND captured_at >= TIMESTAMP '2020-01-01' AND captured_at < TIMESTAMP '2021-01-01'
            THEN 'reef-2020' WHEN camera IN ('CAM0', 'CAM2', 'CAM3', 'CAM4') AND captured_at >= TIMESTAMP '2018-12-01'
                AND captured_at < TIMESTAMP '2024-02-01' THEN 'reef' END AS deployment,
        status = 'failed' AS is_failed,
        status = 'processed' AND (damaged IS NOT NULL OR luma_mean < 25
            OR n IN (SELECT n FROM oracle_boxes WHERE taxon = 'Sarpa salpa')) AS is_unusable
    FROM images
), first_of_content AS (
    SELECT content, arg_min(n, (captured_at IS NULL, coalesce(captured_at, TIMESTAMP '2000-01-01'), key)) AS n
    FROM judged WHERE NOT is_failed AND NOT is_unusable GROUP BY content
), apart AS (
    SELECT judged.*, NOT is_failed AND NOT is_unusable AND first_of_content.n IS NULL AS same_content
    FROM judged LEFT JOIN first_of_content USING (n)
), first_of_instant AS (
    SELECT camera, captured_at, min(key) AS key
    FROM apart WHERE NOT is_failed AND NOT is_unusable AND NOT same_content AND captured_at IS NOT NULL GROUP BY ALL
)
SELECT apart.*,
    CASE WHEN is_failed THEN 'failed' WHEN is_unusable THEN 'unusable' WHEN same_content THEN 'duplicate'
        WHEN captured_at IS NOT NULL AND first_of_instant.key IS NULL THEN 'duplicate'
        WHEN captured_at IS NULL THEN 'undated' ELSE 'used' END AS use
FROM apart LEFT JOIN first_of_instant USING (camera, captured_at, key);

CREATE OR REPLACE TABLE oracle_seen AS
SELECT n, key, camera, deployment, captured_at, taxon, count(*) AS detections,
    sum(round(confidence * 1000000)::BIGINT) AS millionths
FROM oracle_boxes JOIN oracle_images USING (n) WHERE use = 'used' AND taxon <> 'Sarpa salpa' GROUP BY ALL;

CREATE OR REPLACE TABLE oracle_taxa AS SELECT unnest(['Chromis chromis', 'Diplodus vulgaris']) AS taxon;

CREATE OR REPLACE TABLE oracle_species AS
WITH effort AS (SELECT count(*) AS used FROM oracle_images WHERE use = 'used'), best AS (
    SELECT DISTINCT ON (taxon) taxon, key FROM oracle_seen ORDER BY taxon, detections DESC, captured_at, key
)
SELECT taxon, used AS images,
    count(n) AS images_with, round(count(n) / used, 6) AS share_with,
    coalesce(sum(detections), 0)::BIGINT AS detections, round(coalesce(sum(detections), 0) / used, 6) AS mean_per_image,
    round(sum(millionths) / 1000000 / sum(detections), 6) AS mean_confidence,
    coalesce(max(detections), 0) AS maxn, any_value(best.key) AS maxn_key
FROM oracle_taxa CROSS JOIN effort LEFT JOIN oracle_seen USING (taxon) LEFT JOIN best USING (taxon) GROUP BY taxon, used;

CREATE OR REPLACE TABLE oracle_series AS
WITH used AS (
    SELECT n, key, camera, deployment, captured_at, taxon FROM oracle_images CROSS JOIN oracle_taxa WHERE use = 'used'
), each AS (
    SELECT used.*, coalesce(detections, 0) AS detections FROM used LEFT JOIN oracle_seen USING (n, taxon)
), daily AS (
    SELECT camera, deployment, taxon, captured_at::DATE AS day, round(1000000 * sum(detections) / count(*))::BIGINT AS millionths
    FROM each GROUP BY ALL
), means AS (
    SELECT camera, deployment, taxon, round(sum(millionths) / 1000000 / count(*), 6) AS mean_of_days FROM daily GROUP BY ALL
)
SELECT camera, each.deployment AS deployment, taxon, count(*) AS images, count(*) FILTER (detections > 0) AS images_with,
    sum(detections)::BIGINT AS detections, round(sum(detections) / count(*), 6) AS mean_per_image,
    round(stddev_samp(detections), 6) AS sd_per_image, any_value(mean_of_days) AS mean_of_days, max(detections) AS maxn,
    min(captured_at) AS first_image, max(captured_at) AS last_image
FROM each JOIN means USING (camera, taxon)
WHERE each.deployment IS NOT DISTINCT FROM means.deployment
GROUP BY camera, each.deployment, taxon;
