-- The effort of each deployment, and outside all of them: used images, the first and the last.
CREATE OR REPLACE VIEW deployed AS
SELECT camera, deployment, count(*)::BIGINT AS images, min(captured_at) AS first_image, max(captured_at) AS last_image
FROM images WHERE use = 'used'
GROUP BY ALL;

-- Used images of a time in which their deployment is said not to have worked: they count like the others.
CREATE OR REPLACE MACRO images_between(of_camera, of_deployment, start_at, end_at) AS TABLE
SELECT count(*)::BIGINT AS images FROM images
WHERE use = 'used' AND camera = of_camera AND deployment = of_deployment
    AND captured_at >= start_at::TIMESTAMP AND captured_at < end_at::TIMESTAMP;
