-- One line per taxon over all cameras. maxn is a maximum over cameras, never a sum.
CREATE OR REPLACE VIEW species AS
WITH effort AS (
    SELECT count(*)::BIGINT AS images FROM images WHERE use = 'used'
), seen AS (
    SELECT taxon,
        count(*)::BIGINT AS images_with,
        sum(detections)::BIGINT AS detections,
        sum(confidence_millionths)::BIGINT AS confidence_millionths,
        max(detections) AS maxn,
        arg_min(key, (-detections, captured_at, key)) AS maxn_key
    FROM image_counts
    GROUP BY taxon
), equal AS (
    SELECT taxon, sum(events)::BIGINT AS events, sum(events_with)::BIGINT AS events_with, sum(maxn_of_events)::BIGINT AS maxn_of_events,
        sum(groups)::BIGINT AS groups, sum(maxn_of_groups)::BIGINT AS maxn_of_groups
    FROM maxn_of_equal_effort GROUP BY taxon
)
SELECT taxa.taxon, taxa.aphia_id, effort.images,
    coalesce(images_with, 0) AS images_with,
    round(CASE WHEN images > 0 THEN coalesce(images_with, 0) / images END, 6) AS share_with,
    coalesce(detections, 0) AS detections,
    round(CASE WHEN images > 0 THEN coalesce(detections, 0) / images END, 6) AS mean_per_image,
    round(confidence_millionths / 1000000 / detections, 6) AS mean_confidence,
    coalesce(maxn, 0) AS maxn,
    maxn_key,
    events, events_with,
    round(CASE WHEN events > 0 THEN maxn_of_events / events END, 6) AS mean_maxn_of_events,
    coalesce(groups, 0) AS groups,
    round(CASE WHEN groups > 0 THEN maxn_of_groups / groups END, 6) AS mean_maxn_of_groups
FROM taxa CROSS JOIN effort
LEFT JOIN seen ON seen.taxon = taxa.taxon
LEFT JOIN equal ON equal.taxon = taxa.taxon;

-- What undated images hold: it is in no number, and a person whose names carry no date must see that it is there.
CREATE OR REPLACE VIEW undated_species AS
SELECT taxon, count(DISTINCT key)::BIGINT AS images_with, count(*)::BIGINT AS detections
FROM detections JOIN images USING (key)
WHERE images.use = 'undated' AND detections.role = 'count'
GROUP BY taxon;

-- Boxes of two taxa on one spot: one of them is wrong. Intersection over union above 0.7.
CREATE OR REPLACE VIEW overlapping_taxa AS
WITH counted AS (
    SELECT detections.*, (x2 - x1)::DOUBLE * (y2 - y1) AS area
    FROM detections JOIN images USING (key)
    WHERE images.use = 'used' AND detections.role = 'count'
), pairs AS (
    SELECT a.taxon AS taxon_a, b.taxon AS taxon_b, a.area + b.area AS areas,
        greatest(0, least(a.x2, b.x2) - greatest(a.x1, b.x1))::DOUBLE
            * greatest(0, least(a.y2, b.y2) - greatest(a.y1, b.y1)) AS intersection
    FROM counted AS a JOIN counted AS b ON a.key = b.key AND a.taxon < b.taxon
)
SELECT taxon_a, taxon_b, count(*)::BIGINT AS pairs
FROM pairs
WHERE intersection > 0.7 * (areas - intersection)
GROUP BY ALL;
