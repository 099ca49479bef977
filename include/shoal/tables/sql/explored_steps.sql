-- By what scores and hours of the day are counted, in the object `explore` and on pages.
-- Tables: images, deployment_places.
-- Hundredths of a score, rounded down as a threshold of FLOAT would: 0.35 is in 35, whatever its last bit.
CREATE OR REPLACE MACRO hundredths(confidence) AS
    round(confidence * 100)::INTEGER - (confidence < (round(confidence * 100) / 100)::FLOAT)::INTEGER;

-- Hours of the day: of the sun where every used image of the camera lies in a deployment with coordinates (mean solar time: noon is
-- when the sun is highest, give or take a quarter of an hour), else of report.zone.
CREATE OR REPLACE TABLE camera_clocks AS
SELECT images.camera, bool_and(places.longitude IS NOT NULL AND places.latitude IS NOT NULL) AS solar
FROM images LEFT JOIN deployment_places AS places ON places.camera = images.camera AND places.deployment = images.deployment
WHERE use = 'used'
GROUP BY images.camera;

CREATE OR REPLACE MACRO solar_time(moment, longitude) AS moment + to_seconds(round(longitude * 240));

CREATE OR REPLACE MACRO hour_of_day(moment, solar, longitude) AS
    if(solar, hour(solar_time(moment, longitude)), hour(local_time(moment)));
