-- Turned boxes that count, as upright ones do. Where classes are merged, a box goes that is too much like a better one of another
-- class, by the measure and the rule of models of turned boxes: also where that one goes itself. Boxes that lie side by side askew
-- are two fish, though the upright boxes around them are nearly one. Where corners are not known the upright boxes are asked. What
-- a model keeps of one class stays.
-- View: class_boxes. Table: accounted. Macros: turned.sql. Variable: iou.
CREATE OR REPLACE TABLE detections AS
WITH thresholded AS (
    SELECT * FROM class_boxes WHERE confidence >= threshold AND role <> 'ignore'
), cornered AS (
    SELECT thresholded.*, keypoints[position + 1] AS corners
    FROM thresholded JOIN accounted USING (key, object_version)
    WHERE merged
), suppressed AS (
    SELECT DISTINCT worse.key, worse.object_version, worse.position
    FROM cornered AS worse JOIN cornered AS better USING (key, object_version, taxon)
    WHERE worse.first_class_id <> better.first_class_id
      AND (better.confidence > worse.confidence OR better.confidence = worse.confidence AND better.position < worse.position)
      AND coalesce(alike(spread_of(better.corners), spread_of(worse.corners)), upright_iou(better, worse)) > getvariable('iou')
)
SELECT thresholded.* EXCLUDE (merged)
FROM thresholded
ANTI JOIN suppressed USING (key, object_version, position);
