"""What is odd in the times and cameras of a listing, and what to write instead: a sentence each, nothing where all is well."""

from collections.abc import Iterator
from itertools import chain

from shoal.contract.errors import shown
from shoal.contract.units import agreed
from shoal.settings.analysis import Clock
from shoal.tables.clock_facts import Facts, Whole
from shoal.tables.odd_cameras import FEW, say_counters, say_late, say_reset
from shoal.tables.session import Database

WHOLE_CAMERA = r"(?P<camera>[^/]+?)(?:\.[^./]*)?$"
"""The end of a pattern whose camera is all that follows in the name, but for its ending."""


def say_odd(database: Database, clock: Clock, whole: Whole, facts: Facts) -> tuple[str, ...]:
    """Say what is odd.

    Reads: listing, times, clock_table
    """
    return tuple(
        chain(
            _say_undated(facts, clock, whole),
            _say_uploaded(facts, whole),
            _say_never_set(database, facts, whole),
            say_reset(database, whole),
            _say_contested(database, facts, whole),
            _say_two_times(facts, whole),
            _say_cut(database, facts, whole),
            say_counters(database, clock),
            _say_doubled(database, facts, clock, whole),
            say_late(database),
            _say_zone(facts, clock, whole),
        )
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
