-- Spans in which no used image was taken. Images of one camera within one half hour (UTC) are one look; a pause runs from the last
-- image of a look to the first of the next. Which pauses are gaps:
--   no_image       of a camera that looks by the clock (captureMethod timeLapse, or not said): pauses longer than half an hour and
--                  than 2.5 times its usual pause, the median over its days of the longest pause that begins there. So a burst every
--                  hour, or a camera that sleeps at night, has no gap each time, and two looks of a regular camera that are missing are one
--   not_working    of a camera that something in front of it releases (activityDetection): pauses within not_working alone, for no
--                  image may mean that nothing came by
--   no_deployment  between the deployments of a camera that has any, before the first and after the last as far as its axis goes; what
--                  was taken there by chance cuts it and has no usual pause
-- Deployments' starts and ends are looks, so a gap lies in one deployment or outside all of them. Half an hour or less is no gap.
-- A time of upload ('uploaded') is no look: it makes no gap and hides none; where nothing else is told of a deployment, nothing is
-- known. A local time that comes twice ('ambiguous') is one of two, and so a look at both. Nothing lies outside the axis.
-- Tables: images, axis, deployment_spans, not_working_spans.
CREATE OR REPLACE TABLE looks AS
WITH moments AS (
    SELECT camera, deployment, captured_at, unnest(CASE clock_flag
        WHEN 'ambiguous' THEN [captured_at - INTERVAL 1 HOUR, captured_at, captured_at + INTERVAL 1 HOUR]
        ELSE [captured_at] END) AS looked_at
    FROM images WHERE use = 'used' AND clock_flag IS DISTINCT FROM 'uploaded'
)
SELECT camera, deployment, time_bucket(INTERVAL 30 MINUTE, looked_at) AS half_hour, min(looked_at) AS first_at, max(looked_at) AS last_at
FROM moments JOIN axis USING (camera)
WHERE on_axis(captured_at, axis.start_at, axis.end_at)
GROUP BY ALL;

CREATE OR REPLACE TABLE usual_pauses AS
WITH pauses AS (
    SELECT camera, deployment, last_at, lead(first_at) OVER (PARTITION BY camera, deployment ORDER BY first_at) - last_at AS pause FROM looks
), days AS (
    SELECT camera, deployment, date_trunc('day', last_at) AS day, max(pause) AS longest
    FROM pauses WHERE pause IS NOT NULL
    GROUP BY ALL
)
SELECT camera, deployment, quantile_disc(longest, 0.5) AS usual_pause FROM days GROUP BY ALL;

-- Spans of time that are asked for gaps, each with why one there would be one.
CREATE OR REPLACE TABLE asked_spans AS
WITH stays AS (
    SELECT stays.camera, deployment, motion,
        greatest(coalesce(stays.start_at, axis.start_at), axis.start_at) AS start_at,
        least(coalesce(stays.end_at, axis.end_at), axis.end_at) AS end_at
    FROM deployment_spans AS stays JOIN axis USING (camera)
    WHERE coalesce(stays.start_at, axis.start_at) <= axis.end_at AND coalesce(stays.end_at, axis.end_at) >= axis.start_at
), between_stays AS (
    SELECT camera, NULL::VARCHAR AS deployment, from_at AS start_at, to_at AS end_at FROM (
        SELECT camera, stays.end_at AS from_at, coalesce(lead(stays.start_at) OVER of_camera, axis.end_at) AS to_at
        FROM stays JOIN axis USING (camera) WINDOW of_camera AS (PARTITION BY camera ORDER BY stays.start_at)
        UNION ALL
        SELECT camera, any_value(axis.start_at), coalesce(min(stays.start_at), any_value(axis.end_at))
        FROM axis LEFT JOIN stays USING (camera) WHERE told_by <> 'clocks' GROUP BY camera
    )
), spans AS (
    SELECT camera, NULL::VARCHAR AS deployment, 'no_image' AS cause, start_at, end_at FROM axis WHERE told_by = 'clocks'
    UNION ALL
    SELECT camera, deployment, 'no_image', start_at, end_at FROM stays WHERE NOT motion
    UNION ALL
    SELECT camera, deployment, 'not_working', greatest(pauses.start_at, stays.start_at), least(pauses.end_at, stays.end_at)
    FROM not_working_spans AS pauses JOIN stays USING (camera, deployment) WHERE motion
    UNION ALL
    SELECT camera, deployment, 'no_deployment', start_at, end_at FROM between_stays
)
SELECT row_number() OVER (ORDER BY camera, start_at, end_at) AS span, spans.* FROM spans WHERE start_at < end_at;

CREATE OR REPLACE TABLE gaps AS
WITH uploaded AS (
    SELECT DISTINCT span
    FROM asked_spans JOIN images
        ON images.camera = asked_spans.camera AND images.deployment IS NOT DISTINCT FROM asked_spans.deployment
        AND captured_at >= start_at AND captured_at <= end_at
    WHERE use = 'used' AND clock_flag = 'uploaded'
), looked AS (
    SELECT asked_spans.*, first_at, last_at
    FROM asked_spans JOIN looks
        ON looks.camera = asked_spans.camera AND looks.deployment IS NOT DISTINCT FROM asked_spans.deployment
        AND last_at >= start_at AND first_at <= end_at
), edges AS (
    SELECT *, false AS is_end FROM looked
    UNION ALL
    SELECT *, end_at, end_at, true FROM asked_spans
    WHERE span NOT IN (FROM uploaded) OR span IN (SELECT span FROM looked)
), pauses AS (
    SELECT camera, deployment, cause,
        greatest(start_at, coalesce(lag(last_at) OVER of_span, start_at)) AS gap_start, least(end_at, first_at) AS gap_end
    FROM edges WINDOW of_span AS (PARTITION BY span ORDER BY is_end, first_at)
)
SELECT pauses.camera, pauses.deployment, gap_start, gap_end, cause,
    CASE WHEN cause = 'no_image' THEN epoch(usual_pause)::BIGINT END AS usual_pause_s
FROM pauses LEFT JOIN usual_pauses
    ON usual_pauses.camera = pauses.camera AND usual_pauses.deployment IS NOT DISTINCT FROM pauses.deployment
WHERE gap_end - gap_start > greatest(
    INTERVAL 30 MINUTE, CASE WHEN cause = 'no_image' THEN coalesce(usual_pause, INTERVAL 0 SECOND) * 5 / 2 ELSE INTERVAL 0 SECOND END
);

-- What two answers must have alike to have the same gaps, whichever are the longest; no line is there twice.
CREATE OR REPLACE VIEW gaps_digest AS
SELECT count(*)::BIGINT AS number, coalesce(bit_xor(md5_number(to_json(gaps)::VARCHAR)), 0)::VARCHAR AS gaps FROM gaps;
