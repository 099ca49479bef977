"""What the order of a camera's images tells: one picture again and again, and capture times that leap."""

from collections.abc import Iterator
from datetime import UTC

import numpy as np

from shoal.contract.units import counted
from shoal.evidence.health.finding import Finding, Trouble
from shoal.tables.session import Database

FEWEST_ALIKE, LEAST_FROZEN_H = 6, 3
"""Pictures that are alike in a row, and the hours they span, before a picture is called frozen."""

LEAST_CONTRAST = 3.0
"""Levels of deviation: a picture of the dark is alike to the next one and frozen is nothing."""

LIVE_SPREAD_S = 20 * 60
"""Images that came live: on a day nine tenths of the times between capture and upload lie this close."""

LEAST_JUMP_S = 15 * 60
WHOLE_HOUR_S = 120
"""So close to whole hours a jump is one of a time zone."""

MOST_ZONES_H = 14
"""No zone's time is further from UTC."""

MOST_STEPS_BACK = 0.005
"""Of a camera's images: with more steps back their names are in no order of time."""

MOST_ROLL_H = 24
"""Of a counter that began anew the first name comes at most so long after the last one."""

_FROZEN = f"""
    WITH alike AS (
        SELECT *, dhash = lag(dhash) OVER by_time AND abs(luma_mean - lag(luma_mean) OVER by_time) < 0.1
            AND abs(luma_std - lag(luma_std) OVER by_time) < 0.1 AND luma_std >= {LEAST_CONTRAST}
            AND abs(size_bytes - lag(size_bytes) OVER by_time) <= size_bytes * 0.002 AS same
        FROM pictures WINDOW by_time AS (PARTITION BY camera, deployment ORDER BY captured_at, key)
    ), runs AS (
        SELECT *, count(*) FILTER (same IS NOT true) OVER (
            PARTITION BY camera, deployment ORDER BY captured_at, key) AS run FROM alike
    )
    SELECT camera, deployment, min(captured_at) AS first, max(captured_at) AS last, count(*) AS pictures,
        arg_min(key, captured_at) AS first_key, arg_max(key, captured_at) AS last_key
    FROM runs GROUP BY camera, deployment, run
    HAVING pictures >= {FEWEST_ALIKE} AND last - first >= INTERVAL {LEAST_FROZEN_H} HOUR
    ORDER BY camera, deployment, first
"""

_ARRIVALS = """
    SELECT camera, epoch(last_modified)::BIGINT // 86400 AS arrived, count(*) AS images,
        median(ahead) AS usual, quantile_cont(ahead, 0.95) - quantile_cont(ahead, 0.05) AS spread,
        arg_min(key, last_modified) AS first_key, arg_max(key, last_modified) AS last_key, min(last_modified) AS first
    FROM (SELECT *, epoch(captured_at) - epoch(last_modified) AS ahead FROM pictures WHERE last_modified IS NOT NULL)
    GROUP BY camera, arrived ORDER BY camera, arrived
"""

_STEPS_BACK = """
    WITH named AS (
        SELECT camera, deployment, key, captured_at, lag(captured_at) OVER by_name AS earlier,
            lag(key) OVER by_name AS earlier_key, count(*) OVER (PARTITION BY camera) AS images,
            first_value(captured_at) OVER by_name - max(captured_at) OVER (
                by_name ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
            ) AS before_first
        FROM pictures
        -- Names of one form: numbers count on, and what is beside them ("copy of …") is no series with the others.
        WINDOW by_name AS (PARTITION BY camera, deployment, regexp_replace(key, '[^/]*$', ''),
            regexp_replace(key, '^.*/|[0-9]+', '', 'g') ORDER BY key)
    ), back AS (
        -- After IMG_9999 comes IMG_0001: all that is behind the step in the order of names was then before its beginning.
        SELECT *, before_first > INTERVAL 0 HOUR AS all_before, count(*) OVER (PARTITION BY camera) AS steps FROM named
        WHERE captured_at < earlier - INTERVAL 1 HOUR
            AND NOT before_first BETWEEN INTERVAL 0 HOUR AND INTERVAL {roll} HOUR
    )
    SELECT * FROM back WHERE steps <= greatest(1, images * {share}) ORDER BY camera, captured_at
"""


def find_frozen(database: Database) -> Iterator[Finding]:
    """Find times in which one picture came again and again.

    Reads: pictures
    """
    for row in database.records(_FROZEN):
        hours = (row["last"] - row["first"]).total_seconds() / 3600
        yield Finding(
            row["camera"],
            row["deployment"],
            Trouble.FROZEN,
            row["first"].replace(tzinfo=UTC),
            row["last"].replace(tzinfo=UTC),
            hours,
            "hours",
            f"{row['pictures']} pictures in a row have one fingerprint, brightness and size",
            row["first_key"],
            row["last_key"],
        )


def find_clock_jumps(database: Database) -> Iterator[Finding]:
    """Find capture times that leap: against the times of upload where images come live, else against the order of names.

    Reads: pictures
    """
    leaps = list(_find_leaps(database))
    yield from leaps
    for row in database.records(_STEPS_BACK.format(share=MOST_STEPS_BACK, roll=MOST_ROLL_H)):
        start, size = row["captured_at"].replace(tzinfo=UTC), (row["captured_at"] - row["earlier"]).total_seconds()
        if any(one.camera == row["camera"] and abs((one.start - start).total_seconds()) < 2 * 86_400 for one in leaps):
            continue
        yield Finding(
            row["camera"],
            row["deployment"],
            Trouble.CLOCK,
            start,
            None,
            size / 3600,
            "hours",
            f"the next name in its folder has an earlier time{_whole(size)}"
            + ("; or the counter of its names began anew there" if row["all_before"] else ""),
            row["earlier_key"],
            row["key"],
        )


def _find_leaps(database: Database) -> Iterator[Finding]:
    found = database.run(_ARRIVALS).fetchall()
    for camera in dict.fromkeys(row[0] for row in found):
        live = [row for row in found if row[0] == camera and row[2] >= 3 and row[4] <= LIVE_SPREAD_S]
        days = sum(row[0] == camera for row in found)
        if len(live) < max(4, days // 2):  # a batch now and then: times of upload say nothing
            continue
        usual = np.array([row[3] for row in live])
        since = 0
        for at in range(3, len(live) - 1):
            known = usual[max(since, at - 7) : at]
            if len(known) < 3:
                continue
            moved = np.array([usual[at] - np.median(known), usual[at + 1] - np.median(known)])
            least = max(LEAST_JUMP_S, 4 * float(np.ptp(known)))
            if np.min(np.abs(moved)) < least or np.sign(moved[0]) != np.sign(moved[1]):
                continue
            size = float(usual[at] - np.median(known))
            yield Finding(
                str(camera),
                "",
                Trouble.CLOCK,
                live[at][7].replace(tzinfo=UTC),
                None,
                size / 3600,
                "hours",
                f"capture times move against times of upload, which {counted(len(known), 'day')} before did not{_whole(size)}",
                live[at - 1][6],
                live[at][5],
            )
            since = at


def _whole(size_s: float) -> str:
    hours = round(size_s / 3600)
    if not 0 < abs(hours) <= MOST_ZONES_H or abs(size_s - hours * 3600) > WHOLE_HOUR_S:
        return ""
    return f"; {hours:+d} whole hours, as a time zone has"
