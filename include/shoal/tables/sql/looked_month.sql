-- One month of an answer into the tables of looked.sql. As in explore.sql's boxes, those that count and those below: of a classifier
-- only what scores best could count.
-- Variables: report_zone, best_only. Tables: looked_cameras, looked_taxa, deployment_places, month_images, month_detections, month_below.
INSERT INTO looked_images
SELECT camera_n, local_day(captured_at), hour_of_day(captured_at, solar, longitude), count(*)
FROM month_images AS images JOIN looked_cameras AS cameras ON cameras.camera = images.camera
LEFT JOIN deployment_places AS places ON places.camera = images.camera AND places.deployment = images.deployment
WHERE use = 'used'
GROUP BY ALL;

CREATE OR REPLACE TABLE month_boxes AS
SELECT key, taxon_n, camera_n, local_day(captured_at) AS day, hour_of_day(captured_at, solar, longitude)::UTINYINT AS hour,
    hundredths(confidence)::UTINYINT AS step, confidence, counted
FROM (
    SELECT key, taxon, camera, deployment, captured_at, confidence, true AS counted
    FROM month_detections WHERE role = 'count' AND use = 'used'
    UNION ALL
    SELECT key, taxon, camera, deployment, captured_at, confidence, false
    FROM month_below WHERE role = 'count' AND use = 'used' AND (getvariable('best_only') IS NOT TRUE OR position = 0)
) AS boxes
JOIN looked_taxa USING (taxon) JOIN looked_cameras AS cameras ON cameras.camera = boxes.camera
LEFT JOIN deployment_places AS places ON places.camera = boxes.camera AND places.deployment = boxes.deployment;

INSERT INTO looked_boxes
SELECT taxon_n, camera_n, day, hour, step, confidence, counted FROM month_boxes ORDER BY taxon_n, camera_n, day;

INSERT INTO looked_best
SELECT taxon_n, camera_n, any_value(day), max(step), max(confidence), bool_or(counted)
FROM month_boxes GROUP BY key, taxon_n, camera_n ORDER BY taxon_n, camera_n;

DROP TABLE month_boxes;
