"""What is odd in the times and cameras of a listing, and what to write instead: a sentence each, nothing where all is well."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from shoal.contract.errors import shown
from shoal.contract.units import agreed, utc_text
from shoal.settings.analysis import Clock
from shoal.tables.clock_times import read_keys
from shoal.tables.session import Database

WHOLE_CAMERA = r"(?P<camera>[^/]+?)(?:\.[^./]*)?$"
"""The end of a pattern whose camera is all that follows in the name, but for its ending."""

FEW = 10
"""From so many on, cameras of one image each, and rests of a camera's name that all differ, are counters."""

MOST_RESET = 20
"""Cameras that are looked at for a clock that lost its power: those of the most images."""

LATE_S, TIMELY_S = 180 * 86400.0, 30 * 86400.0
"""Even the youngest image of a camera is so old when it is stored, and one of another camera is stored within so long."""

_NAMED = {
    **{flag: f"clock_flag = '{flag}'" for flag in ("undated", "epoch", "future", "contested", "uploaded")},
    "twice": "two_times",
    "cut": "rest IS NOT NULL",
    "without_offset": "without_offset",
}
"""What is counted in `clock_table`, and which rows of `times` that are: each with an example."""


@dataclass(frozen=True)
class Facts:
    """What is odd in the whole listing.

    Attributes:
        counts: Images by `_NAMED`, those `doubled`, and by how many seconds the most is `most_ahead`.
        examples: Number of one of them in the listing; none where there are none.
        keys: Its key.
    """

    counts: Mapping[str, Any]
    examples: Mapping[str, int]
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> list[int]:
        """The images whose keys are asked for."""
        return list(self.examples.values())

    def with_keys(self, keys: Mapping[int, str]) -> "Facts":
        """Name the examples by keys."""
        return replace(self, keys={name: keys[number] for name, number in self.examples.items()})

    def __getitem__(self, name: str) -> Any:
        """Count something."""
        return self.counts[name]


@dataclass(frozen=True)
class Whole:
    """What is looked at.

    Attributes:
        keys: Images in all.
        dataset: Name of the dataset; empty where no command is to be named.
        after_reading: Whether EXIF of the images is known.
    """

    keys: int
    dataset: str
    after_reading: bool


def read_facts(database: Database) -> Facts:
    """Count what is odd.

    Reads: times, clock_table, doubled_moments
    """
    counts = ", ".join(f"coalesce(sum({name}), 0)::BIGINT AS {name}" for name in (*_NAMED, "doubled"))
    numbers = ", ".join(f"min(n) FILTER ({which}) AS {name}" for name, which in _NAMED.items())
    (counted,) = database.records(f"SELECT {counts}, max(most_ahead) AS most_ahead FROM clock_table")
    (examples,) = database.records(f"SELECT {numbers} FROM times")
    if counted["doubled"]:
        examples["doubled"] = database.value(
            "SELECT min(n) FROM times SEMI JOIN ("
            "SELECT entry AS clock_source, camera, captured_at FROM doubled_moments ORDER BY captured_at, camera, entry LIMIT 1"
            ") USING (clock_source, camera, captured_at)"
        )
    return Facts(counted, {name: number for name, number in examples.items() if number is not None})


def say_odd(database: Database, clock: Clock, whole: Whole, facts: Facts) -> tuple[str, ...]:
    """Say what is odd.

    Reads: listing, times, clock_table
    """
    return tuple(
        chain(
            _say_undated(facts, clock, whole),
            _say_uploaded(facts, whole),
            _say_never_set(database, facts, whole),
            _say_reset(database, whole),
            _say_contested(database, facts, whole),
            _say_two_times(facts, whole),
            _say_cut(database, facts, whole),
            _say_counters(database, clock),
            _say_doubled(database, facts, clock, whole),
            _say_late(database),
            _say_zone(facts, clock, whole),
        )
    )


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


def _of(facts: Facts, name: str, whole: Whole, what: str) -> str:
    """Tell what is odd of how many images, in words of ours."""
    return f"{facts[name]} of {whole.keys} images {agreed(facts[name], what)}"


def _such_as(facts: Facts, name: str) -> str:
    return f"such as {shown(facts.keys[name], 200)!r}"


def _say_undated(facts: Facts, clock: Clock, whole: Whole) -> Iterator[str]:
    if not facts["undated"]:
        return
    if whole.after_reading and clock.asks_exif:
        where, then = "in their name nor in EXIF as far as it was read", "they are counted and in no series"
    elif clock.asks_exif:
        where, then = "in their name", "EXIF is asked when they are read; windows and the order of work do not know it"
        if clock.upload is not None:
            then += ", and where it tells none the time of upload counts"
    else:
        where, then = "in their name", "they are counted and in no series"
    then = agreed(facts["undated"], then)
    said = f"{_of(facts, 'undated', whole, f'have no time {where}')}, {_such_as(facts, 'undated')}: {then}"
    yield f"{said} - python -m shoal clock {whole.dataset} --propose looks for one" if whole.dataset else said


def _say_uploaded(facts: Facts, whole: Whole) -> Iterator[str]:
    if facts["uploaded"]:
        yield (
            f"{_of(facts, 'uploaded', whole, 'have the time of their upload, not of their capture')}, "
            f"{_such_as(facts, 'uploaded')}: nothing else told one, and clock says last_modified: true - hours, days and "
            "deployments are those of whoever copied the files"
        )


def _say_never_set(database: Database, facts: Facts, whole: Whole) -> Iterator[str]:
    if facts["epoch"]:
        yield (
            f"{_of(facts, 'epoch', whole, 'have a time before 1990')}, {_such_as(facts, 'epoch')}, of "
            f"{_whose(database, 'epoch')}: a clock that was never set - where the true time is known, deployments[].offset "
            "moves it"
        )
    if facts["future"]:
        days = facts["most_ahead"] / 86400
        yield (
            f"{_of(facts, 'future', whole, 'have a time that is more than a day after they were last modified')}, "
            f"up to {days:.0f} days, {_such_as(facts, 'future')}, of {_whose(database, 'future')} - "
            "day and month may be swapped in clock.format; a clock that is ahead is moved by deployments[].offset"
        )


def _say_reset(database: Database, whole: Whole) -> Iterator[str]:
    """A clock that lost its power begins anew on a New Year's Day; archives of a year begin there, too, and go on."""
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


def _say_contested(database: Database, facts: Facts, whole: Whole) -> Iterator[str]:
    if facts["contested"]:
        yield (
            f"{facts['contested']} of {whole.keys} images are in two deployments of their camera by their corrections, "
            f"{_such_as(facts, 'contested')}, of {_whose(database, 'contested')}: no capture time - correct offset, start or "
            "end, or let clock.pattern give what a wrong clock wrote a camera name of its own"
        )


def _say_two_times(facts: Facts, whole: Whole) -> Iterator[str]:
    if facts["twice"]:
        yield (
            f"{_of(facts, 'twice', whole, 'have two different times in their key')}, {_such_as(facts, 'twice')}: "
            "that of the file's own name counts, of two there the first that the pattern finds - "
            "to mean a folder's, write a pattern with its /"
        )


def _say_cut(database: Database, facts: Facts, whole: Whole) -> Iterator[str]:
    if not facts["cut"]:
        return
    (rests,) = database.records(
        "SELECT count(*) AS keys, count(DISTINCT rest) AS rests FROM times WHERE rest IS NOT NULL"
    )
    if rests["keys"] >= FEW and 2 * rests["rests"] > rests["keys"]:
        return  # a counter follows: each image has another rest
    yield (
        f"{_of(facts, 'cut', whole, 'have')} a camera name that goes on after what clock.pattern takes, "
        f"{_such_as(facts, 'cut')} - end the pattern with {WHOLE_CAMERA} for the whole name, or with (?P<camera>…)- where it "
        "ends there"
    )


def _say_counters(database: Database, clock: Clock) -> Iterator[str]:
    """A frame's counter taken for a part of the camera's name makes one camera for each image."""
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


def _say_doubled(database: Database, facts: Facts, clock: Clock, whole: Whole) -> Iterator[str]:
    if not facts["doubled"]:
        return
    camera, whose = _most(database, "doubled")
    mend = "clock.unique: true makes the further ones duplicates; several cameras need their names in the pattern"
    if clock.unique:
        mend = "clock.unique makes the further ones duplicates"
    elif not clock.tells_cameras or camera in {entry.camera for entry in clock.entries}:
        mend = (
            "no entry tells cameras apart there: add (?P<camera>…) to the pattern, or, of one camera, clock.unique: true makes "
            "the further ones duplicates"
        )
    yield (
        f"{_of(facts, 'doubled', whole, 'have')} the camera and the instant of another image, {_such_as(facts, 'doubled')}, of "
        f"{whose} - {mend}"
    )


def _say_late(database: Database) -> Iterator[str]:
    """A clock that is a year behind flags nothing: only beside the other cameras it is odd."""
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


def _say_zone(facts: Facts, clock: Clock, whole: Whole) -> Iterator[str]:
    if clock.says_zone_of_exif:
        return
    zone = next(entry.zone for entry in clock.entries if entry.exif)
    mend = f"which nobody wrote - write zone: {zone}, or the cameras' own zone, beside exif: true"
    if whole.after_reading and facts["without_offset"]:
        yield (
            f"{_of(facts, 'without_offset', whole, 'have')} an EXIF time without an offset, {_such_as(facts, 'without_offset')}, "
            f"read as {zone}, {mend}"
        )
    if not whole.after_reading and facts["undated"]:
        yield f"EXIF times without an offset will be read as {zone}, {mend}"


def _whose(database: Database, flag: str) -> str:
    """Name the camera with most of a flag in words."""
    return _most(database, flag)[1]


def _most(database: Database, flag: str) -> tuple[str, str]:
    """Find the camera with most of a flag, and name it in words."""
    (found,) = database.records(
        f"SELECT camera, sum({flag})::BIGINT AS keys, count(*) OVER () AS cameras FROM clock_table GROUP BY 1 "
        "HAVING keys > 0 ORDER BY 2 DESC, 1 LIMIT 1"
    )
    first = f"camera {shown(found['camera'], 40)} ({found['keys']})"
    return found["camera"], first if found["cameras"] == 1 else f"{first} and {found['cameras'] - 1} more"
