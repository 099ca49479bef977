-- The effort of each deployment, and outside all of them: used images, the first and the last. A clock that is wrong stretches
-- nothing: they are those on the camera's axis; where none of the images is there, those of all.
CREATE OR REPLACE TABLE deployed AS
SELECT images.camera, deployment, count(*)::BIGINT AS images,
    coalesce(min(captured_at) FILTER (on_axis(captured_at, axis.start_at, axis.end_at)), min(captured_at)) AS first_image,
    coalesce(max(captured_at) FILTER (on_axis(captured_at, axis.start_at, axis.end_at)), max(captured_at)) AS last_image
FROM images LEFT JOIN axis ON axis.camera = images.camera
WHERE use = 'used'
GROUP BY ALL;

-- Used images of a time in which their deployment is said not to have worked: they count like the others.
CREATE OR REPLACE MACRO images_between(of_camera, of_deployment, start_at, end_at) AS TABLE
SELECT count(*)::BIGINT AS images FROM images
WHERE use = 'used' AND camera = of_camera AND deployment = of_deployment
    AND captured_at >= start_at::TIMESTAMP AND captured_at < end_at::TIMESTAMP;
