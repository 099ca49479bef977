-- Which deployment of its camera an image belongs to, and what its time is as that deployment corrects it; the view `clocked`
-- of include/shoal/tables/capture_times.py is made of these. A clock that is wrong also says the wrong deployment, so each is
-- asked: with its own offset and zone, does the time lie from its start to its end? Spans are true times.
-- claims: the deployments that say yes, in most cases one. Of several, those go whose time is after the object was written
-- ('future' of clock.sql). Where more than one is left nobody knows the time: 'contested'. Where none is, the time is as it is told.
-- Times of upload are a store's and no camera's: they are asked without any offset and zone.
-- Variables: stays, the deployments as JSON, and stays_as_they_are, the same without offsets and zones.
-- A camera may have had hundreds of deployments: only those are asked that are near the year which the camera wrote.
CREATE OR REPLACE MACRO written_year(local_time) AS greatest(1969, least(2101, year(local_time)));

CREATE OR REPLACE MACRO stays_by_camera(told) AS TABLE
    SELECT stay.camera AS camera, written_year, list(stay) AS stays
    FROM (
        SELECT stay, unnest(range(
            written_year(stay.start_at::TIMESTAMP - to_microseconds(coalesce(stay.shift_us, 0)) - INTERVAL 30 DAY),
            written_year(stay.end_at::TIMESTAMP - to_microseconds(coalesce(stay.shift_us, 0)) + INTERVAL 30 DAY) + 1
        )) AS written_year
        FROM (SELECT unnest(from_json(told, '[{"camera": "VARCHAR", "name": "VARCHAR", "start_at": "TIMESTAMP",
            "end_at": "TIMESTAMP", "shift_us": "BIGINT", "zone": "VARCHAR"}]')) AS stay)
    )
    GROUP BY ALL;

-- `minutes` is what an instant, which has no zone, is ahead of UTC.
CREATE OR REPLACE MACRO moment_of(local_time, zone, minutes) AS
    coalesce(utc_of(local_time, zone), local_time - to_minutes(minutes));

-- A time zone is looked up only where the time is near the deployment, whatever the zone: that is what takes long.
CREATE OR REPLACE MACRO told_in(stay, local_time, zone, minutes, utc_time) AS CASE
    WHEN stay.shift_us IS NULL AND (stay.zone IS NULL OR zone IS NULL)
        THEN {'deployment': stay.name, 'local_time': local_time, 'zone': zone, 'utc_time': utc_time}
    WHEN zone IS NULL OR local_time + to_microseconds(coalesce(stay.shift_us, 0))
        BETWEEN stay.start_at - INTERVAL 2 DAY AND stay.end_at + INTERVAL 2 DAY
        THEN {
            'deployment': stay.name,
            'local_time': local_time + to_microseconds(coalesce(stay.shift_us, 0)),
            'zone': if(zone IS NULL, NULL, coalesce(stay.zone, zone)),
            'utc_time': moment_of(
                local_time + to_microseconds(coalesce(stay.shift_us, 0)),
                if(zone IS NULL, NULL, coalesce(stay.zone, zone)), minutes
            )
        }
    END;

CREATE OR REPLACE MACRO claims_of(stays, local_time, zone, minutes, utc_time) AS list_transform(
    list_filter(
        list_transform(stays, lambda stay: {
            'told': told_in(stay, local_time, zone, minutes, utc_time), 'start_at': stay.start_at, 'end_at': stay.end_at
        }),
        lambda claim: claim.told.utc_time >= claim.start_at AND claim.told.utc_time < claim.end_at
    ),
    lambda claim: claim.told
);

CREATE OR REPLACE MACRO possible_claims(claims, last_modified) AS CASE
    WHEN len(claims) > 1 THEN coalesce(
        nullif(list_filter(claims, lambda claim: NOT is_future(claim.utc_time, last_modified)), []), claims
    )
    ELSE claims
END;

CREATE OR REPLACE MACRO only_claim(claims) AS if(len(claims) = 1, claims[1], NULL);
