-- What MaxN is comparable in: events of cameras that something releases, and groups of equal size of used images.
-- event: of each dated image of a deployment with an `event_gap`, whatever its use: images of one camera and deployment belong to
--   one event as long as none is more than that gap after the one before. Named by camera, deployment and the time of its first
--   image. Of a deployment without a gap there are none: each image is a look of its own.
-- group_n: used images of one camera and deployment in the order of time, fifty by fifty; what is left at the end is in none.
-- MaxN grows with the images that are looked at (Campbell et al. 2015, Fisheries Research 170): only MaxN of equal effort can be
-- compared, so that of events is told as its mean over events, and that of groups as its mean over groups; both count 0 where
-- nothing was seen.
-- Tables: images, image_counts, deployment_spans, taxa. Variable: group_images.
CREATE OR REPLACE TABLE image_events AS
WITH dated AS (
    SELECT key, images.camera, images.deployment, captured_at, use,
        datediff('microsecond', lag(captured_at) OVER in_time, captured_at) <= stays.event_gap_us AS goes_on
    FROM images JOIN deployment_spans AS stays
        ON stays.camera = images.camera AND stays.deployment = images.deployment AND stays.event_gap_us IS NOT NULL
    WHERE captured_at IS NOT NULL
    WINDOW in_time AS (PARTITION BY images.camera, images.deployment ORDER BY captured_at, key)
)
SELECT key, camera, deployment, use,
    camera || '/' || deployment || '/' || strftime(max(CASE WHEN goes_on THEN NULL ELSE captured_at END) OVER (
        PARTITION BY camera, deployment ORDER BY captured_at, key ROWS UNBOUNDED PRECEDING
    ), '%Y-%m-%dT%H:%M:%S.%fZ') AS event
FROM dated;

CREATE OR REPLACE TABLE image_groups AS
SELECT key, camera, deployment,
    (row_number() OVER in_time - 1) // getvariable('group_images') AS group_n,
    count(*) OVER (PARTITION BY camera, deployment) // getvariable('group_images') AS groups
FROM images WHERE use = 'used'
WINDOW in_time AS (PARTITION BY camera, deployment ORDER BY captured_at, key);

-- Events and groups of each camera and deployment: the effort beside every mean MaxN.
CREATE OR REPLACE TABLE equal_effort AS
WITH by_event AS (
    SELECT camera, deployment, count(DISTINCT event)::BIGINT AS events FROM image_events WHERE use = 'used' GROUP BY ALL
), by_group AS (
    SELECT camera, deployment, any_value(groups)::BIGINT AS groups FROM image_groups GROUP BY ALL
)
SELECT by_group.camera, by_group.deployment, events, groups
FROM by_group LEFT JOIN by_event
    ON by_event.camera = by_group.camera AND by_event.deployment IS NOT DISTINCT FROM by_group.deployment;

CREATE OR REPLACE TABLE maxn_of_equal_effort AS
WITH of_events AS (
    SELECT camera, deployment, taxon, count(*)::BIGINT AS events_with, sum(maxn)::BIGINT AS maxn_of_events
    FROM (
        SELECT counts.camera, counts.deployment, taxon, event, max(detections) AS maxn
        FROM image_counts AS counts JOIN image_events USING (key) GROUP BY ALL
    )
    GROUP BY ALL
), of_groups AS (
    SELECT camera, deployment, taxon, sum(maxn)::BIGINT AS maxn_of_groups
    FROM (
        SELECT counts.camera, counts.deployment, taxon, group_n, max(detections) AS maxn
        FROM image_counts AS counts JOIN image_groups USING (key) WHERE group_n < groups GROUP BY ALL
    )
    GROUP BY ALL
)
SELECT effort.camera, effort.deployment, taxa.taxon, events, groups,
    CASE WHEN events IS NOT NULL THEN coalesce(events_with, 0) END AS events_with,
    CASE WHEN events IS NOT NULL THEN coalesce(maxn_of_events, 0) END AS maxn_of_events,
    coalesce(maxn_of_groups, 0) AS maxn_of_groups
FROM equal_effort AS effort CROSS JOIN taxa
LEFT JOIN of_events
    ON of_events.camera = effort.camera AND of_events.deployment IS NOT DISTINCT FROM effort.deployment
    AND of_events.taxon = taxa.taxon
LEFT JOIN of_groups
    ON of_groups.camera = effort.camera AND of_groups.deployment IS NOT DISTINCT FROM effort.deployment
    AND of_groups.taxon = taxa.taxon;

DROP TABLE image_groups;
