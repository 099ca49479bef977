-- Turned boxes of two taxa on one spot, in place of those that overlap as upright ones would; where corners are not known these are
-- asked.
CREATE OR REPLACE VIEW overlapping_taxa AS
WITH counted AS (
    SELECT detections.key, taxon, x1, y1, x2, y2, spread_of(keypoints[position + 1]) AS spread
    FROM detections JOIN images USING (key)
    WHERE images.use = 'used' AND detections.role = 'count'
)
SELECT a.taxon AS taxon_a, b.taxon AS taxon_b, count(*)::BIGINT AS pairs
FROM counted AS a JOIN counted AS b ON a.key = b.key AND a.taxon < b.taxon
WHERE coalesce(alike(a.spread, b.spread), upright_iou(a, b)) > 0.7
GROUP BY ALL;
