-- Detections that count: at or above the confidence that applies to their class, classes of role `ignore` left out,
-- merged classes under the name they are merged into.
-- View: class_boxes.
-- merged_nms(boxes): places that go when NMS runs inside a merged class between boxes of two classes of the model (one fish seen as
-- two classes: one count). What a model keeps of one class stays, as it does in images where no two classes meet: not every model drops
-- boxes that overlap.
CREATE OR REPLACE TABLE detections AS
WITH thresholded AS (
    SELECT * FROM class_boxes WHERE confidence >= threshold AND role <> 'ignore'
), crowded AS (
    -- Only boxes of two classes of one taxon that overlap can be one fish seen twice: few, however large the archive.
    SELECT DISTINCT a.key, a.object_version, a.taxon
    FROM thresholded AS a JOIN thresholded AS b USING (key, object_version, taxon)
    WHERE a.merged AND b.merged AND a.first_class_id < b.first_class_id
      AND least(a.x2, b.x2) > greatest(a.x1, b.x1) AND least(a.y2, b.y2) > greatest(a.y1, b.y1)
), suppressed AS (
    SELECT key, object_version, unnest(merged_nms(list({
        'position': position, 'first_class_id': first_class_id, 'confidence': confidence, 'x1': x1, 'y1': y1, 'x2': x2, 'y2': y2
    }))) AS position
    FROM thresholded SEMI JOIN crowded USING (key, object_version, taxon)
    GROUP BY key, object_version, taxon
)
SELECT thresholded.* EXCLUDE (merged)
FROM thresholded
ANTI JOIN suppressed USING (key, object_version, position);
