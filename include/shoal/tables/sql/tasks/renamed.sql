-- What the first model called what the second one looked at, and what that is counted as: boxes of used images.
CREATE OR REPLACE VIEW renamed AS
SELECT first_class_name AS first_class, taxon, count(*)::BIGINT AS detections, count(then_score)::BIGINT AS by_second,
    round(sum(round(then_score * 1000000)::BIGINT)::BIGINT / 1000000 / count(then_score), 6) AS mean_score
FROM detections JOIN images USING (key)
WHERE images.use = 'used' AND detections.role = 'count'
GROUP BY ALL;
