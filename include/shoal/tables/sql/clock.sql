-- How a clock's entry reads a time; include/shoal/tables/capture_times.py makes the view `clocked` of these, so that a
-- corrected zone or pattern reaches old results at once.
-- clock_flag: 'undated' no time where the entry looks; 'epoch' before 1990 and 'future' more than a day after the object was
-- last modified (clocks that were never set: no capture time); 'ambiguous' and 'nonexistent' local times around a change of
-- the clocks keep their time, as the zone database reads them; 'uploaded' keeps that of upload, which is none of capture. An
-- object last modified before 1990 tells nothing of its age: its file system lost the time, and its name counts.
-- What a pattern takes for a camera is none where it is empty, blanks and separators alone, or nothing but the file's ending: of
-- 20240101-000000-.jpg the default pattern takes .jpg.
CREATE OR REPLACE MACRO named_camera(camera, key) AS
    if(trim(camera, ' ' || chr(9) || chr(160) || '-_.') = '' OR (starts_with(camera, '.') AND ends_with(key, camera)), NULL, camera);

CREATE OR REPLACE MACRO written_time(found) AS
    if(found.date = '', found.time, found.date || ' ' || found.time);

CREATE OR REPLACE MACRO same_time(one, other) AS one.time = other.time AND one.date = other.date;

-- 24:00:00 is the next day's first moment; `midnight` is the format as an expression around that 24, NULL without hours.
CREATE OR REPLACE MACRO formatted_time(text, format, midnight) AS
    coalesce(try_strptime(text, format), try_strptime(regexp_replace(text, midnight::VARCHAR, '\100\2'), format) + INTERVAL 1 DAY);

CREATE OR REPLACE MACRO epoch_time(digits) AS
    CASE
        WHEN regexp_full_match(digits, '\d{13}') THEN epoch_ms(try_cast(digits AS BIGINT))
        WHEN regexp_full_match(digits, '\d{1,11}') THEN epoch_ms(1000 * try_cast(digits AS BIGINT))
    END;

-- UTC, which most names are written in, is asked first: looking into the zone database is the most of reading a time.
CREATE OR REPLACE MACRO utc_of(local_time, zone) AS
    CASE WHEN zone = 'UTC' THEN local_time ELSE (local_time AT TIME ZONE zone) AT TIME ZONE 'UTC' END;
CREATE OR REPLACE MACRO local_of(utc_time, zone) AS
    CASE WHEN zone = 'UTC' THEN utc_time ELSE (utc_time AT TIME ZONE 'UTC') AT TIME ZONE zone END;

-- The moment at which a zone, with the offset it has at another moment, shows this local time.
CREATE OR REPLACE MACRO utc_by_offset_at(local_time, moment, zone) AS local_time - (local_of(moment, zone) - moment);

-- Twice: with the offset of the day before and with that of the day after; some zones move by half an hour.
CREATE OR REPLACE MACRO comes_twice(local_time, earlier, later, zone) AS
    earlier <> later AND local_of(earlier, zone) = local_time AND local_of(later, zone) = local_time;

CREATE OR REPLACE MACRO is_future(utc_time, last_modified) AS
    utc_time > last_modified + INTERVAL 1 DAY AND last_modified >= TIMESTAMP '1990-01-01';

-- `zone` is NULL where the time is an instant already.
CREATE OR REPLACE MACRO flag_time(local_time, utc_time, zone, last_modified) AS
    CASE
        WHEN utc_time IS NULL THEN 'undated'
        WHEN utc_time < TIMESTAMP '1990-01-01' THEN 'epoch'
        WHEN is_future(utc_time, last_modified) THEN 'future'
        WHEN local_of(utc_time, zone) <> local_time THEN 'nonexistent'
        WHEN comes_twice(
            local_time,
            utc_by_offset_at(local_time, utc_time - INTERVAL 1 DAY, zone),
            utc_by_offset_at(local_time, utc_time + INTERVAL 1 DAY, zone),
            zone
        ) THEN 'ambiguous'
    END;

-- Two deployments that correct a clock in different ways both say that this image is theirs: no capture time.
CREATE OR REPLACE MACRO flag_claims(claims, flag) AS CASE WHEN len(claims) > 1 THEN 'contested' ELSE flag END;

-- The time of upload is asked where an entry takes it and nothing before it tells a time, not even an impossible one.
CREATE OR REPLACE MACRO flag_upload(flag) AS CASE WHEN flag IS NULL THEN 'uploaded' ELSE flag END;

-- A time of capture, not of upload.
CREATE OR REPLACE MACRO was_told(captured_at, flag) AS captured_at IS NOT NULL AND flag IS DISTINCT FROM 'uploaded';

CREATE OR REPLACE MACRO is_usable(flag) AS flag IS NULL OR flag IN ('ambiguous', 'nonexistent', 'uploaded');
