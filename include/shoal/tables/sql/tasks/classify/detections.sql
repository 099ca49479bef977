-- What a classifier's images count as: each image at most once, as what scores best of all, where that score is at or above the
-- confidence that applies to its class. What scores second is never counted in its place: not if the best one is too unsure, nor if
-- it has role `ignore`; then the image shows none of what counts. It has no box: edges are NULL.
-- Scores of a softmax are shares of one whole, so classes that are merged have the sum of theirs: an image at 0.4 of one and 0.3 of
-- the other shows what they are merged into at 0.7. Scores that are no such shares, as they sum to more than 1, are not summed: the
-- best one stands. class_id and threshold are those of the best class among the merged.
-- said: of each image what scores at least as much as a detector would store, in the order of scores, from place 0 on.
-- Tables: classes (class_id, class_name, taxon, aphia_id, role, conf, merged). Variable: stored_conf.
CREATE OR REPLACE TABLE said AS
WITH members AS (
    SELECT taxon, role, list(class_id ORDER BY class_id) AS members FROM classes GROUP BY ALL
), least_score AS (
    -- Some member of what scores as much has its part of it: a thousand classes are not a thousand rows an image.
    SELECT getvariable('stored_conf') / max(len(members)) AS least_score FROM members
), scored AS (
    SELECT key, object_version, class_scores, list_sum(class_scores) <= 1.01 AS are_shares
    FROM accounted
    WHERE fate IN ('reused', 'processed') AND status = 'processed'
), met AS (
    SELECT key, object_version, class_scores, are_shares,
        unnest(list_filter(range(len(class_scores)), lambda id: class_scores[id + 1] >= least_score))::INTEGER AS class_id
    FROM scored CROSS JOIN least_score
), summed AS (
    -- Billionths: a sum of whole numbers does not depend on its order. Here the scores end: a thousand of them are long to sort.
    SELECT key, object_version, classes.*, class_scores[class_id + 1] AS score,
        CASE WHEN len(members) = 1 OR NOT are_shares THEN class_scores[class_id + 1] ELSE least(1, list_sum(list_transform(
            members, lambda id: round(class_scores[id + 1]::DOUBLE * 1000000000)::BIGINT
        )) / 1000000000)::FLOAT END AS confidence
    FROM met JOIN classes USING (class_id) JOIN members USING (taxon, role)
), best_members AS (
    SELECT * FROM summed
    QUALIFY NOT merged OR row_number() OVER (PARTITION BY key, object_version, taxon, role ORDER BY score DESC, class_id) = 1
)
SELECT key, object_version, row_number() OVER (PARTITION BY key, object_version ORDER BY confidence DESC, class_id) - 1 AS position,
    class_id, confidence, NULL::FLOAT AS x1, NULL::FLOAT AS y1, NULL::FLOAT AS x2, NULL::FLOAT AS y2,
    class_name, taxon, aphia_id, role, conf AS threshold
FROM best_members
WHERE confidence >= getvariable('stored_conf')::FLOAT;

CREATE OR REPLACE TABLE detections AS
FROM said WHERE position = 0 AND confidence >= threshold AND role <> 'ignore';
