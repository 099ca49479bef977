-- Where a bin begins and ends. Bins of an hour or less are UTC; day and month begin at midnight in report.zone, so that a day
-- may last 23 or 25 hours. Times are written in UTC.
-- Variable: report_zone.
CREATE OR REPLACE MACRO local_time(moment) AS (moment AT TIME ZONE 'UTC') AT TIME ZONE getvariable('report_zone');
CREATE OR REPLACE MACRO last_instant(local) AS (local AT TIME ZONE getvariable('report_zone')) AT TIME ZONE 'UTC';

-- Where clocks go back at one in the morning midnight comes twice (Azores, Havana): the day begins at the first, when the last moment
-- of the day before is over. That moment may not exist where a whole day was left out (Apia).
CREATE OR REPLACE MACRO first_instant(local) AS
    least(last_instant(local), last_instant(local - INTERVAL 1 MICROSECOND) + INTERVAL 1 MICROSECOND);
CREATE OR REPLACE MACRO local_bin(width, moment) AS first_instant(date_trunc(width, local_time(moment)));

CREATE OR REPLACE MACRO bin_start(width, moment) AS CASE width
    WHEN '30min' THEN time_bucket(INTERVAL 30 MINUTE, moment)
    WHEN 'hour' THEN date_trunc('hour', moment)
    WHEN 'day' THEN local_bin('day', moment)
    ELSE local_bin('month', moment)
END;

-- The moment after a bin's start that lies in the next bin, whatever the length of a day or month there.
CREATE OR REPLACE MACRO bin_end(width, start) AS CASE width
    WHEN '30min' THEN start + INTERVAL 30 MINUTE
    WHEN 'hour' THEN start + INTERVAL 1 HOUR
    WHEN 'day' THEN local_bin('day', start + INTERVAL 36 HOUR)
    ELSE local_bin('month', start + INTERVAL 40 DAY)
END;

-- A day of the calendar in report.zone that a moment lies in, and the noon of such a day, where every zone keeps its clocks.
CREATE OR REPLACE MACRO local_day(moment) AS local_time(moment)::DATE;
CREATE OR REPLACE MACRO noon_of(day) AS last_instant(day + INTERVAL 12 HOUR);
