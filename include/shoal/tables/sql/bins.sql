-- Where a bin begins and ends. Bins of an hour or less are UTC; day and month begin at midnight in report.zone, so that a day
-- may last 23 or 25 hours. Times are written in UTC.
-- Variable: report_zone.
CREATE OR REPLACE MACRO local_bin(width, moment) AS
    ((date_trunc(width, (moment AT TIME ZONE 'UTC') AT TIME ZONE getvariable('report_zone')))
        AT TIME ZONE getvariable('report_zone')) AT TIME ZONE 'UTC';

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

-- A day of the calendar in report.zone that a moment lies in, and the noon of such a day, which every zone has.
CREATE OR REPLACE MACRO local_day(moment) AS ((moment AT TIME ZONE 'UTC') AT TIME ZONE getvariable('report_zone'))::DATE;
CREATE OR REPLACE MACRO noon_of(day) AS ((day + INTERVAL 12 HOUR) AT TIME ZONE getvariable('report_zone')) AT TIME ZONE 'UTC';
