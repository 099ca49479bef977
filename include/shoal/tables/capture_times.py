"""A dataset's clock as the view `clocked`, made of the macros of `include/shoal/tables/sql/clock.sql`."""

import re
from collections.abc import Sequence
from datetime import datetime

from shoal.contract.rows import EXIF_TYPE
from shoal.settings.analysis import Clock, ClockEntry
from shoal.settings.clock_patterns import name_groups, names_folders, read_groups
from shoal.settings.deployments import Deployment
from shoal.settings.field_types import EPOCH_FORMAT
from shoal.settings.run_form import Window
from shoal.tables.session import Database
from shoal.tables.stays import correct_times, set_stays

_TOKEN = re.compile(r"%-?[A-Za-z%]|.", re.DOTALL)
FILE_NAME = "parse_filename(key, false, 'forward_slash')"
"""What follows a key's last slash."""

_AT_MIDNIGHT = {"M": "0{1,2}", "S": "0{1,2}", "f": "0+", "g": "0+", "n": "0+", "Y": r"\d{4}", "H": ")24("}


def number_listing() -> str:
    """Write the listing, each image with its number `n`: DuckDB gives a table in the order it was written in, with any threads.

    Reads: listing
    """
    return "SELECT *, row_number() OVER () AS n FROM listing"


def view_clocked(database: Database, clock: Clock, deployments: Sequence[Deployment]) -> None:
    """Make the view `clocked`: `listing` with camera, deployment, clock_flag, clock_source (entry, from 0), captured_at (UTC).

    Beside them told_at, the time that was found, usable or not, and whether it is one of EXIF without an offset.

    The first entry with a usable time counts; where none has one, the first that found any, for its flag says why that is not
    usable; else the first. The camera is that entry's, as it would be were the time right. Entries with `exif` find nothing here:
    what a run is of is known before an image is read, and the time of upload, which comes after EXIF, is not asked then.
    Times are as the deployment that they lie in corrects them.

    Reads: listing
    Makes: clocked
    """
    _view_clocked(
        database,
        clock,
        deployments,
        f"SELECT *, NULL::{EXIF_TYPE} AS exif, {not clock.asks_exif} AS all_asked FROM ({number_listing()})",
    )


def view_clocked_with_exif(database: Database, clock: Clock, deployments: Sequence[Deployment]) -> None:
    """Make the view `clocked` as above, with the times that cameras wrote into the images that were read.

    Reads: listing, rows
    Makes: clocked
    """
    written = "SELECT key, object_version, exif FROM rows WHERE exif.local_time IS NOT NULL"
    asked = "true"
    if clock.upload is not None:
        # Of an image that nobody has read yet one does not know what EXIF would tell.
        written = "SELECT key, object_version, exif, true AS was_read FROM rows WHERE status IN ('processed', 'failed')"
        asked = "coalesce(was_read, false)"
    joined = (
        f"SELECT numbered.*, exif, {asked} AS all_asked FROM ({number_listing()}) AS numbered "
        f"LEFT JOIN ({written}) USING (key, object_version)"
    )
    _view_clocked(database, clock, deployments, joined)


def _view_clocked(database: Database, clock: Clock, deployments: Sequence[Deployment], with_exif: str) -> None:
    database.run_file("clock")
    set_stays(database, deployments, [entry.zone for entry in clock.entries])
    entries = range(len(clock.entries))
    for number, entry in enumerate(clock.entries):
        _set_variables(database, number, entry)
    names = [number for number in entries if clock.entries[number].reads_name]
    named = "".join(f", {_searched('file_name', n)} AS named_{n}" for n in names)
    found = "".join(f", {_found(n, clock.entries[n])} AS found_{n}" for n in names)
    cameras = "".join(f", {_camera(n, entry, names)} AS camera_{n}" for n, entry in enumerate(clock.entries))
    times = "".join(f", {_local_time(n, entry)} AS local_{n}" for n, entry in enumerate(clock.entries))
    zones = "".join(f", {_zone(n, entry)} AS zone_{n}" for n, entry in enumerate(clock.entries))
    moments = "".join(f", {_utc_time(n, entry)} AS utc_{n}" for n, entry in enumerate(clock.entries))
    minutes = [_minutes_ahead(entry) for entry in clock.entries]
    readings = "".join(f", {_reading(n, entry)} AS reading_{n}" for n, entry in enumerate(clock.entries))
    cameras_own = [n for n in entries if n != clock.upload]
    chosen = [f"WHEN is_usable(reading_{n}.clock_flag) THEN reading_{n}" for n in cameras_own]
    chosen += [f"WHEN reading_{n}.clock_flag <> 'undated' THEN reading_{n}" for n in entries]
    steps = ["file_name"] + [f"{step}_{n}" for n in names for step in ("named", "found")]
    of_entries = ("camera", "local", "zone", "utc", "claims", "stay", "reading")
    steps += [f"{step}_{n}" for n in entries for step in of_entries]
    database.run(
        f"CREATE OR REPLACE VIEW clocked AS WITH split AS (SELECT *, {FILE_NAME} AS file_name FROM ({with_exif})), "
        f"searched AS (SELECT *{named} FROM split), "
        f"matched AS (SELECT *{found} FROM searched), "
        f"timed AS (SELECT *{cameras}{times}{zones} FROM matched), "
        f"placed AS (SELECT *{moments} FROM timed), "
        f"{correct_times(minutes, any_stays=bool(deployments))}, "
        f"judged AS (SELECT *{readings} FROM corrected), "
        f"told AS (SELECT * EXCLUDE (exif, all_asked, {', '.join(steps)}), CASE {' '.join(chosen)} ELSE reading_0 END "
        "AS reading FROM judged) "
        "SELECT * EXCLUDE (reading), reading.camera, reading.clock_flag, "
        "if(is_usable(reading.clock_flag), reading.source, NULL) AS clock_source, "
        "if(is_usable(reading.clock_flag), reading.deployment, NULL) AS deployment, "
        "if(is_usable(reading.clock_flag), reading.utc_time, NULL) AS captured_at, reading.utc_time AS told_at, "
        "is_usable(reading.clock_flag) AND reading.without_offset AS without_offset FROM told"
    )


def _set_variables(database: Database, number: int, entry: ClockEntry) -> None:
    pattern, groups = name_groups(entry.pattern)
    values = {
        "pattern": pattern,
        "groups": groups,
        "format": entry.format,
        "midnight": midnight_of(entry.format),
        "zone": entry.zone,
        "camera": entry.camera,
    }
    for name, value in values.items():
        database.set_variable(f"clock_{name}_{number}", value)


def _var(number: int, name: str) -> str:
    return f"getvariable('clock_{name}_{number}')"


def _searched(where: str, number: int) -> str:
    return f"regexp_extract({where}, {_var(number, 'pattern')}, {_var(number, 'groups')})"


def _found(number: int, entry: ClockEntry) -> str:
    """Take what the file's own name tells, else the whole key: by its dated folder a whole card would be of one second."""
    in_name, in_key = f"named_{number}", _searched("key", number)
    if names_folders(entry.pattern):
        return in_key
    # A camera may stand in a folder before the same time; only then both are asked.
    camera = f" AND (named_camera({in_name}.camera, key) IS NOT NULL OR NOT same_time({in_name}, {in_key}))"
    tells = camera if "camera" in read_groups(entry.pattern) else ""
    return f"CASE WHEN file_name = key OR ({in_name}.time <> ''{tells}) THEN {in_name} ELSE {in_key} END"


def _local_time(number: int, entry: ClockEntry) -> str:
    if entry.exif:
        return "exif.local_time"
    if entry.last_modified:
        return "if(all_asked, last_modified, NULL)"
    if entry.format == EPOCH_FORMAT:
        return f"epoch_time(found_{number}.time)"
    return f"formatted_time(written_time(found_{number}), {_var(number, 'format')}, {_var(number, 'midnight')})"


def _zone(number: int, entry: ClockEntry) -> str:
    if entry.last_modified:
        return "NULL::VARCHAR"
    if entry.exif:
        return f"if(exif.offset_minutes IS NULL, {_var(number, 'zone')}, NULL)"
    return "NULL::VARCHAR" if entry.format == EPOCH_FORMAT else f"{_var(number, 'zone')}"


def _utc_time(number: int, entry: ClockEntry) -> str:
    in_zone = f"utc_of(local_{number}, {_var(number, 'zone')})"
    if entry.exif:
        return f"coalesce(local_{number} - to_minutes(exif.offset_minutes), {in_zone})"
    return f"local_{number}" if entry.last_modified or entry.format == EPOCH_FORMAT else in_zone


def _minutes_ahead(entry: ClockEntry) -> str | None:
    return None if entry.last_modified else "exif.offset_minutes" if entry.exif else "0"


def _camera(number: int, entry: ClockEntry, names: list[int]) -> str:
    # An image whose name tells the camera and no time keeps its camera.
    cameras = [f"named_camera(found_{n}.camera, key)" for n in ([number] if entry.reads_name else names)]
    return f"coalesce({', '.join([*cameras, _var(number, 'camera')])})"


def _reading(number: int, entry: ClockEntry) -> str:
    flag = f"flag_time(local_{number}, utc_{number}, zone_{number}, last_modified)"
    if entry.last_modified:
        flag = f"flag_upload({flag})"
    without_offset = "exif.offset_minutes IS NULL" if entry.exif else "false"
    return (
        f"{{'camera': camera_{number}, 'utc_time': utc_{number}, 'deployment': stay_{number}.deployment, "
        f"'clock_flag': flag_claims(claims_{number}, {flag}), 'source': {number}, 'without_offset': {without_offset}}}"
    )


def midnight_of(time_format: str) -> str | None:
    """Write a format as the expression of a time at 24:00:00, in two groups around the 24; None without hours to 23."""
    if time_format.replace("%-H", "%H").count("%H") != 1:
        return None
    pieces = [piece.replace("-", "") if piece[0] == "%" else piece for piece in _TOKEN.findall(time_format)]
    parts = [
        _AT_MIDNIGHT.get(piece[1], r"\w+?") if piece[0] == "%" and piece != "%%" else re.escape(piece[-1])
        for piece in pieces
    ]
    return f"^({''.join(parts)})$"


Nearest = tuple[datetime | None, datetime | None]
"""The last time before a window and the first after it, UTC."""


def narrow_listing(
    database: Database, clock: Clock, deployments: Sequence[Deployment], window: Window
) -> Nearest | None:
    """Leave only the images of a window in the table `listing`; it may have been a view.

    Returns what is nearest to a window without images, None for any other.

    Makes: listing, clocked, windowed

    Args:
        database: A session with the listing.
        clock: How a key tells the capture time.
        deployments: What corrects it.
        window: Which times; see there for images without one.
    """
    if window.is_open:
        return None
    view_clocked(database, clock, deployments)
    database.set_variable("window_start", window.start)
    database.set_variable("window_end", window.end)
    database.run_file("windowed")
    nearest = _find_nearest(database) if database.value("SELECT count(*) FROM windowed") == 0 else None
    kind = database.value("SELECT table_type FROM information_schema.tables WHERE table_name = 'listing'")
    database.run(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} listing")
    database.run("ALTER TABLE windowed RENAME TO listing")
    return nearest


def _find_nearest(database: Database) -> Nearest:
    """Look through the whole listing once more: only where nothing is in the window."""
    (found,) = database.records(
        "SELECT max(moment) FILTER (moment < getvariable('window_start')::TIMESTAMP) AS before, "
        "min(moment) FILTER (moment >= getvariable('window_end')::TIMESTAMP) AS after "
        "FROM (SELECT coalesce(captured_at, last_modified) AS moment FROM clocked)"
    )
    return found["before"], found["after"]
