-- From when to when a camera's time runs, for whatever is drawn or listed along it: one clock that is wrong, and was not found
-- to be (1995, or 2061 where the store lost the time of upload), never stretches it.
-- A camera with deployments: from the first one's start to the last one's end, no further than the newest image of the dataset.
-- Where more images than `few` lie outside them, the dataset file tells a part only: the axis takes in the clocks' span, too.
-- The clocks' span, also where a deployment has no start or end: the days with images, but for those that lie beyond a break
-- longer than a quarter of the middle, a day, and three times the longest break within it. The middle are the days that hold all
-- images but `few` at each end; few is one in 2000, or one where there are ten or more.
-- Images outside the axis are used: they stay in every number, and `axis` says how many they are.
-- Tables: images, deployment_spans.
CREATE OR REPLACE TABLE axis_days AS
SELECT camera, date_trunc('day', captured_at) AS day, count(*)::BIGINT AS images,
    min(captured_at) AS first_at, max(captured_at) AS last_at
FROM images WHERE use = 'used'
GROUP BY ALL;

CREATE OR REPLACE VIEW clock_spans AS
WITH counted AS (
    SELECT *, sum(images) OVER days AS so_far, sum(images) OVER (PARTITION BY camera) AS all_images,
        day - lag(day) OVER days AS break_before, lead(day) OVER days - day AS break_after
    FROM axis_days WINDOW days AS (PARTITION BY camera ORDER BY day)
), judged AS (
    SELECT *, greatest(all_images // 2000, if(all_images >= 10, 1, 0)) AS few FROM counted
), middles AS (
    SELECT camera, min(few) AS few, min(all_images) AS all_images, min(day) AS middle_start, max(day) AS middle_end
    FROM judged WHERE so_far > few AND so_far - images < all_images - few
    GROUP BY camera
), breaks AS (
    SELECT camera, max(break_before) AS longest
    FROM judged JOIN middles USING (camera)
    WHERE day > middle_start AND day <= middle_end
    GROUP BY camera
), bounds AS (
    SELECT middles.*, greatest(INTERVAL 1 DAY, (middle_end - middle_start) / 4, coalesce(longest, INTERVAL 0 DAY) * 3) AS slack
    FROM middles LEFT JOIN breaks USING (camera)
)
SELECT camera, any_value(bounds.few) AS few,
    max(first_at) FILTER (day <= middle_start AND (break_before IS NULL OR break_before > slack)) AS start_at,
    min(last_at) FILTER (day >= middle_end AND (break_after IS NULL OR break_after > slack)) AS end_at
FROM judged JOIN bounds USING (camera)
GROUP BY camera;

CREATE OR REPLACE TABLE axis AS
WITH newest AS (
    SELECT max(end_at) AS newest_at FROM clock_spans
), deployed_spans AS (
    SELECT camera, min(start_at) AS start_at, max(end_at) AS end_at,
        bool_or(start_at IS NULL) AS since_ever, bool_or(end_at IS NULL) AS goes_on
    FROM deployment_spans GROUP BY camera
), hulls AS (
    SELECT camera, few, clocks.start_at AS clock_start, clocks.end_at AS clock_end, newest_at, stays.camera IS NOT NULL AS deployed,
        if(since_ever, clocks.start_at, stays.start_at) AS start_at,
        if(goes_on, newest_at, least(stays.end_at, newest_at)) AS end_at
    FROM deployed_spans AS stays FULL JOIN clock_spans AS clocks USING (camera) CROSS JOIN newest
    WHERE newest_at IS NOT NULL
), outside AS (
    SELECT camera, count(*) AS images
    FROM images JOIN hulls USING (camera)
    WHERE use = 'used' AND (captured_at < hulls.start_at OR captured_at > hulls.end_at)
    GROUP BY camera
), spans AS (
    SELECT camera, CASE
        WHEN NOT deployed THEN 'clocks'
        WHEN coalesce(images, 0) <= 2 * coalesce(few, 0) THEN 'deployments'
        ELSE 'both' END AS told_by,
        CASE told_by WHEN 'clocks' THEN clock_start WHEN 'deployments' THEN start_at ELSE least(start_at, clock_start) END AS start_at,
        CASE told_by WHEN 'clocks' THEN clock_end WHEN 'deployments' THEN end_at ELSE greatest(end_at, clock_end) END AS end_at
    FROM hulls LEFT JOIN outside USING (camera)
), placed AS (
    SELECT spans.camera, count(*)::BIGINT AS outside_images, min(captured_at) AS outside_first, max(captured_at) AS outside_last
    FROM images JOIN spans USING (camera)
    WHERE use = 'used' AND (captured_at < spans.start_at OR captured_at > spans.end_at)
    GROUP BY ALL
)
SELECT spans.*, coalesce(outside_images, 0)::BIGINT AS outside_images, outside_first, outside_last
FROM spans LEFT JOIN placed USING (camera)
WHERE start_at <= end_at;

CREATE OR REPLACE MACRO on_axis(moment, start_at, end_at) AS moment >= start_at AND moment <= end_at;
