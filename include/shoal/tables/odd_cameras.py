"""What is odd in cameras, seen over their whole time or beside the others: a sentence each, nothing where all is well."""

import re
from collections.abc import Iterator

from shoal.contract.errors import shown
from shoal.contract.units import agreed, utc_text
from shoal.settings.analysis import Clock
from shoal.tables.clock_facts import Whole
from shoal.tables.clock_times import read_keys
from shoal.tables.session import Database

FEW = 10
"""From so many on, cameras of one image each, and rests of a camera's name that all differ, are counters."""

MOST_RESET = 20
"""Cameras that are looked at for a clock that lost its power: those of the most images."""

LATE_S, TIMELY_S = 180 * 86400.0, 30 * 86400.0
"""Even the youngest image of a camera is so old when it is stored, and one of another camera is stored within so long."""


def say_devices(database: Database, clock: Clock) -> tuple[str, ...]:
    """Say that cards of several cameras whose names tell none became one camera: EXIF may know better.

    Reads: clocked, rows
    """
    (seen,) = database.records(
        "SELECT count(*) AS images, count(DISTINCT device) AS devices, list(DISTINCT device ORDER BY device)[:3] AS some FROM ("
        "SELECT concat_ws(' ', exif.make, exif.model, exif.serial) AS device FROM clocked JOIN rows USING (key, object_version) "
        "WHERE list_contains(?, camera)) WHERE device <> ''",
        [[entry.camera for entry in clock.entries]],
    )
    if seen["devices"] < 2:
        return ()
    some = shown(", ".join(seen["some"]), 200)
    return (
        (
            f"{seen['images']} images are of camera {shown(clock.camera, 40)!r} because no name tells another one, and EXIF "
            f"tells {seen['devices']} cameras there ({some}): in every series they are one - a folder or name of each as "
            "(?P<camera>…) in clock.pattern keeps them apart"
        ),
    )


def say_reset(database: Database, whole: Whole) -> Iterator[str]:
    """A clock that lost its power begins anew on a New Year's Day; archives of a year begin there, too, and go on.

    Reads: listing, times, clock_table
    """
    # A day begins up to 14 hours earlier in other zones than in UTC.
    new_year = "date_trunc('year', first + INTERVAL 14 HOUR) - INTERVAL 14 HOUR"
    began = database.records(
        f"SELECT camera, {new_year} AS new_year FROM (SELECT camera, min(first) AS first, sum(keys) AS keys FROM clock_table "
        "WHERE first IS NOT NULL AND uploaded = 0 GROUP BY camera) "
        f"WHERE first < {new_year} + INTERVAL 38 HOUR ORDER BY keys DESC, camera LIMIT {MOST_RESET}"
    )
    if not began:
        return
    found = database.records(
        "SELECT camera, count(*) FILTER (is_reset) AS images, min(n) FILTER (is_reset) AS n, min(captured_at) AS first FROM ("
        "SELECT *, captured_at < new_year + INTERVAL 31 DAY AS is_reset FROM ("
        "SELECT *, (?::TIMESTAMP[])[list_position(?::VARCHAR[], camera)] AS new_year FROM times "
        "WHERE was_told(captured_at, clock_flag)) "
        "WHERE new_year IS NOT NULL) "
        f"GROUP BY camera HAVING min(epoch(stored_at) - epoch(captured_at)) FILTER (is_reset) > {LATE_S} AND "
        "coalesce(min(captured_at) FILTER (NOT is_reset) > any_value(new_year) + INTERVAL 1 YEAR, true) "
        "ORDER BY images DESC, camera",
        [[one["new_year"] for one in began], [one["camera"] for one in began]],
    )
    if not found:
        return
    first, images = found[0], sum(one["images"] for one in found)
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    least = "at least " if len(began) == MOST_RESET else ""
    key = shown(read_keys(database, [first["n"]])[first["n"]], 200)
    yield (
        f"{least}{images} of {whole.keys} images {agreed(images, 'have times')} from {utc_text(first['first'])} on and none "
        f"later in that year, such as {key!r}, of camera {shown(first['camera'], 40)}{more}: on a New Year's Day clocks begin "
        "that lost their power - where the true time is known, deployments[].offset moves it; a card whose camera no name "
        "tells apart needs its folder as (?P<camera>…)"
    )


def say_counters(database: Database, clock: Clock) -> Iterator[str]:
    """A frame's counter taken for a part of the camera's name makes one camera for each image.

    Reads: clock_table
    """
    if not clock.tells_cameras:
        return
    (seen,) = database.records(
        "SELECT count(*) AS cameras, count(*) FILTER (keys = 1) AS single, min(camera) FILTER (keys = 1) AS camera, "
        r"count(*) FILTER (keys = 1 AND regexp_full_match(camera, '.*[^-_. ][-_. ]\d+')) AS behind, "
        r"count(*) FILTER (keys = 1 AND regexp_full_match(camera, '\d+[-_. ].*')) AS before "
        "FROM clock_table WHERE entry IS NOT NULL"
    )
    if seen["single"] < FEW or 2 * seen["single"] < seen["cameras"]:
        return
    mend = "let (?P<camera>…) take the part that is one camera's"
    separator = re.search(r"[-_. ](?=\d+$)", seen["camera"])
    if seen["behind"] == seen["single"] and separator:
        mend = f"write (?P<camera>[^/]+?){re.escape(separator[0])}\\d+ for a name before a counter"
    elif seen["before"] == seen["single"]:
        mend = "write \\d+[-_. ](?P<camera>…) for a name behind a counter"
    yield (
        f"{seen['single']} of {seen['cameras']} cameras have one image each, such as {shown(seen['camera'], 80)!r}: "
        f"a counter is taken for a camera's name - {mend}"
    )


def say_late(database: Database) -> Iterator[str]:
    """A clock that is a year behind flags nothing: only beside the other cameras it is odd.

    Reads: clock_table
    """
    (seen,) = database.records(
        "WITH ages AS (SELECT camera, min(least_age) AS age FROM clock_table "
        f"WHERE entry IS NOT NULL AND least_age IS NOT NULL GROUP BY camera HAVING sum(keys) >= {FEW}), "
        f"late AS (SELECT * FROM ages WHERE age > {LATE_S} ORDER BY camera LIMIT 5) "
        f"SELECT count(*) AS cameras, count(*) FILTER (age <= {TIMELY_S}) AS timely, count(*) FILTER (age > {LATE_S}) AS late, "
        "(SELECT list(late ORDER BY camera) FROM late) AS some FROM ages"
    )
    if seen["timely"] and 0 < 2 * seen["late"] <= seen["cameras"]:
        names = ", ".join(
            f"{shown(camera['camera'], 40)} ({camera['age'] / 86400:.0f} days)" for camera in seen["some"]
        )
        yield (
            f"camera {names}: every image was stored so long after it was taken, unlike those of other cameras: "
            "files copied later, or a clock that is behind - deployments[].offset moves it"
        )
