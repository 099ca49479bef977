-- What a clock understood of a listing: one line for each entry that found usable times and each camera; where none did,
-- `entry` is NULL and the camera is that of the entry which found a time that is not usable, else of the first.
-- Examples are numbers of images in the listing, for a group may be one image and its key a hundred bytes.
-- Reads `times`, made by include/shoal/tables/clock_times.py. Moments first: of cameras there may be as many as images, if
-- a counter is taken for a camera's name, and then there are no two images of one moment.
-- doubled: images beyond the first of one camera and instant. least_age: seconds from the capture to last_modified, the least.
CREATE OR REPLACE TABLE doubled_moments AS
SELECT clock_source AS entry, camera, captured_at, count(*) AS keys
FROM times WHERE was_told(captured_at, clock_flag)
GROUP BY ALL HAVING count(*) > 1;

CREATE OR REPLACE TABLE clock_table AS
WITH lines AS (
    SELECT clock_source AS entry, camera,
        count(*) AS keys, min(captured_at) AS first, max(captured_at) AS last, min(n) AS example,
        count(*) FILTER (clock_flag = 'undated') AS undated,
        count(*) FILTER (clock_flag = 'epoch') AS epoch,
        count(*) FILTER (clock_flag = 'future') AS future,
        count(*) FILTER (clock_flag = 'contested') AS contested,
        count(*) FILTER (clock_flag = 'ambiguous') AS ambiguous, count(*) FILTER (clock_flag = 'nonexistent') AS nonexistent,
        count(*) FILTER (two_times) AS twice,
        count(rest) AS cut,
        count(*) FILTER (without_offset) AS without_offset,
        count(*) FILTER (clock_flag = 'uploaded') AS uploaded,
        min(epoch(stored_at) - epoch(captured_at)) FILTER (clock_flag IS DISTINCT FROM 'uploaded') AS least_age,
        max(epoch(future_at) - epoch(stored_at)) AS most_ahead
    FROM times GROUP BY ALL
), doubled AS (
    SELECT entry, camera, sum(keys - 1)::BIGINT AS doubled FROM doubled_moments GROUP BY ALL
)
SELECT lines.*, coalesce(doubled, 0) AS doubled
FROM lines LEFT JOIN doubled ON doubled.entry = lines.entry AND doubled.camera = lines.camera;
