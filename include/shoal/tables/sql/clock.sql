-- Camera and capture time of every listed key, computed from its name whenever they are needed and never stored: a
-- corrected zone or pattern reaches old results at once.
-- Variables: clock_pattern, clock_groups, clock_format, clock_zone, clock_camera.
-- clock_flag: 'undated' no time in the name; 'epoch' before 1990 and 'future' more than a day after the object was last
-- modified (clocks that were never set: no capture time); 'ambiguous' and 'nonexistent' local times around a change of
-- the clocks keep their time, as the zone database reads them.
CREATE OR REPLACE VIEW clocked AS
WITH named AS (
    SELECT *, regexp_extract(key, getvariable('clock_pattern'), getvariable('clock_groups')) AS found
    FROM listing
), written AS (
    SELECT * EXCLUDE (found),
        coalesce(nullif(found.camera, ''), getvariable('clock_camera')) AS camera,
        try_strptime(found.time, getvariable('clock_format')) AS local_time
    FROM named
), placed AS (
    SELECT *, (local_time AT TIME ZONE getvariable('clock_zone')) AT TIME ZONE 'UTC' AS utc_time
    FROM written
), flagged AS (
    SELECT *,
        CASE
            WHEN utc_time IS NULL THEN 'undated'
            WHEN utc_time < TIMESTAMP '1990-01-01' THEN 'epoch'
            WHEN utc_time > last_modified + INTERVAL 1 DAY THEN 'future'
            WHEN (utc_time AT TIME ZONE 'UTC') AT TIME ZONE getvariable('clock_zone') <> local_time THEN 'nonexistent'
            WHEN ((utc_time + INTERVAL 1 HOUR) AT TIME ZONE 'UTC') AT TIME ZONE getvariable('clock_zone') = local_time
              OR ((utc_time - INTERVAL 1 HOUR) AT TIME ZONE 'UTC') AT TIME ZONE getvariable('clock_zone') = local_time
            THEN 'ambiguous'
        END AS clock_flag
    FROM placed
)
SELECT * EXCLUDE (local_time, utc_time),
    CASE WHEN clock_flag IS NULL OR clock_flag IN ('ambiguous', 'nonexistent') THEN utc_time END AS captured_at
FROM flagged;
