-- What a clock understood of a listing: one line for each entry that found usable times and each camera; where none did,
-- `entry` is NULL and the camera is that of the entry which found a time that is not usable, else of the first.
-- Reads `clock_seen` (`clocked`, with what follows the camera in a key); made by include/shoal/tables/clock_table.py.
-- doubled: images beyond the first of one camera and instant. least_age: seconds from the capture to last_modified, the least.
CREATE OR REPLACE TABLE clock_table AS
WITH per_moment AS (
    SELECT clock_source, camera, captured_at,
        count(*) AS keys, min(key) AS key, min(told_at) AS told_first, max(told_at) AS told_last,
        min(epoch(last_modified) - epoch(captured_at)) AS least_age,
        max(epoch(told_at) - epoch(last_modified)) FILTER (clock_flag = 'future') AS most_ahead,
        count(*) FILTER (clock_flag = 'undated') AS undated, min(key) FILTER (clock_flag = 'undated') AS undated_key,
        count(*) FILTER (clock_flag = 'epoch') AS epoch, min(key) FILTER (clock_flag = 'epoch') AS epoch_key,
        count(*) FILTER (clock_flag = 'future') AS future, min(key) FILTER (clock_flag = 'future') AS future_key,
        count(*) FILTER (clock_flag = 'contested') AS contested, min(key) FILTER (clock_flag = 'contested') AS contested_key,
        count(*) FILTER (clock_flag = 'ambiguous') AS ambiguous,
        count(*) FILTER (clock_flag = 'nonexistent') AS nonexistent,
        count(*) FILTER (two_times) AS twice, min(key) FILTER (two_times) AS twice_key,
        count(*) FILTER (rest <> '') AS cut, min(key) FILTER (rest <> '') AS cut_key,
        count(*) FILTER (without_offset) AS without_offset, min(key) FILTER (without_offset) AS without_offset_key
    FROM clock_seen GROUP BY ALL
)
SELECT clock_source AS entry, camera,
    sum(keys)::BIGINT AS keys, min(captured_at) AS first, max(captured_at) AS last, min(key) AS example,
    sum(undated)::BIGINT AS undated, sum(epoch)::BIGINT AS epoch, sum(future)::BIGINT AS future,
    sum(contested)::BIGINT AS contested, sum(ambiguous)::BIGINT AS ambiguous, sum(nonexistent)::BIGINT AS nonexistent,
    coalesce(sum(keys - 1) FILTER (captured_at IS NOT NULL), 0)::BIGINT AS doubled,
    sum(twice)::BIGINT AS twice, sum(cut)::BIGINT AS cut, sum(without_offset)::BIGINT AS without_offset,
    min(undated_key) AS undated_key, min(epoch_key) AS epoch_key, min(future_key) AS future_key,
    min(contested_key) AS contested_key,
    min(key) FILTER (captured_at IS NOT NULL AND keys > 1) AS doubled_key, min(twice_key) AS twice_key,
    min(cut_key) AS cut_key, min(without_offset_key) AS without_offset_key,
    min(least_age) AS least_age, max(most_ahead) AS most_ahead
FROM per_moment GROUP BY ALL;
