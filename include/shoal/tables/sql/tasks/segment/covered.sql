-- How much of the used images each taxon covers: pixels of its masks, and their mean share of an image, images without it included.
-- Masks that overlap count twice. without_mask: boxes that count and whose mask says nothing; they are in neither.
-- Shares in billionths: sums of whole numbers do not depend on their order.
CREATE OR REPLACE VIEW covered AS
WITH effort AS (
    SELECT count(*)::BIGINT AS images FROM images WHERE use = 'used'
), seen AS (
    SELECT taxon, count(area_px)::BIGINT AS masks, count(*) FILTER (area_px IS NULL)::BIGINT AS without_mask,
        sum(area_px)::BIGINT AS area_px,
        sum(area_px::HUGEINT * 1000000000 // (width::BIGINT * height))::BIGINT AS share_billionths
    FROM detections JOIN images USING (key) LEFT JOIN mask_areas
        ON mask_areas.key = detections.key AND mask_areas.object_version = detections.object_version
        AND mask_areas.position = detections.position
    WHERE use = 'used' AND role = 'count'
    GROUP BY taxon
)
SELECT taxa.taxon, images, coalesce(masks, 0) AS masks, coalesce(without_mask, 0) AS without_mask, coalesce(area_px, 0) AS area_px,
    round(CASE WHEN masks > 0 THEN area_px / masks END, 1) AS mean_area_px,
    round(CASE WHEN images > 0 THEN coalesce(share_billionths, 0) / images / 1000000000 END, 9) AS mean_share
FROM taxa CROSS JOIN effort LEFT JOIN seen USING (taxon);
