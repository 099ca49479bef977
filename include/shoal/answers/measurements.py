"""A file of measurements beside an answer: a CTD's CSV, of which each bin gets the line nearest to its middle."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb

from shoal.answers.columns import TABLES, WIDTHS
from shoal.contract.errors import ConfigError, first_line, shown
from shoal.contract.units import parse_duration
from shoal.tables.session import Database

MIDDLE = "bin_middle"
MEASURED = "measured_at"

_READ = "read_csv(?, all_varchar = false{more})"
_TIMES = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP_MS")


def load_measurements(database: Database, file: Path, name: str, time: str | None = None) -> list[str]:
    """Read a CSV or Parquet file into a table of the session, its time as `measured_at`, UTC.

    Args:
        database: The session; SQL reaches its own folder only, so the file is copied there.
        file: Comma, semicolon or tab between cells; with semicolons numbers may have a decimal comma.
        name: Of the table.
        time: The column with the time; the only one that is a time where nothing is said. A time without a zone is UTC.

    Returns:
        Its other columns.

    Raises:
        ConfigError: There is no such file, it cannot be read, has no such column, or has a time twice.
    """
    if not file.is_file():
        raise ConfigError(f"No file {shown(str(file))} - name a CSV or Parquet file of measurements")
    copy = database.folder / f"{name}{'.parquet' if file.suffix.lower() == '.parquet' else '.csv'}"
    shutil.copyfile(file, copy)
    try:
        database.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {name}_read AS FROM {_reader(database, copy)}", [str(copy)]
        )
    except duckdb.Error as err:
        raise ConfigError(f"File {shown(str(file))} cannot be read: {first_line(err)}") from err
    finally:
        copy.unlink()
    kinds = {column: kind for column, kind, *_ in database.run(f"DESCRIBE {name}_read").fetchall()}
    moment = _quoted(_time_of(kinds, file, time))
    if (kinds.get(time or "") or "") == "VARCHAR":
        raise ConfigError(
            f"Column {shown(str(time), 100)!r} of {shown(file.name, 100)} is no time - write 2026-06-01T06:00:00Z"
        )
    others = [column for column in kinds if _quoted(column) != moment]
    selected = ", ".join([f"{moment}::TIMESTAMP AS {MEASURED}", *map(_quoted, others)])
    database.run(
        f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {selected} FROM {name}_read WHERE {moment} IS NOT NULL"
    )
    database.run(f"DROP TABLE {name}_read")
    _need_one_line_each(database, name, file)
    return others


def join_measurements(counts: str, width: str, name: str, columns: Sequence[str], tolerance: str) -> str:
    """Write the query that puts the line nearest to the middle of each bin beside its counts; NULL where none is near enough.

    Args:
        counts: View of the counts.
        width: Of their bins.
        name: Table of the measurements.
        columns: Of these, those that are taken over; one that counts have too gets `_of_file` behind its name.
        tolerance: How far a line may be from the middle of a bin, such as `30min`.

    Raises:
        ConfigError: The tolerance is no duration.
    """
    try:
        seconds = parse_duration(tolerance.replace("min", "m")).total_seconds()
    except ValueError as err:
        raise ConfigError(f"Tolerance {shown(tolerance, 50)!r} is no duration - such as 30min or 12h") from err
    taken = {*TABLES[f"counts-{width}"], MEASURED}
    end = "bin_end" if WIDTHS[width] is None else f"(bin_start + {WIDTHS[width]})"
    beside = ", ".join(
        f"near.{_quoted(column)} AS {_quoted(f'{column}_of_file' if column in taken else column)}" for column in columns
    )
    return f"""
        WITH bins AS (SELECT *, bin_start + ({end} - bin_start) / 2 AS {MIDDLE} FROM {counts}),
        middles AS (SELECT DISTINCT {MIDDLE} FROM bins),
        before AS (SELECT {MIDDLE}, {MEASURED} FROM middles ASOF JOIN {name} ON {MIDDLE} >= {MEASURED}),
        after AS (SELECT {MIDDLE}, {MEASURED} FROM middles ASOF JOIN {name} ON {MIDDLE} <= {MEASURED}),
        nearest AS (
            SELECT {MIDDLE}, arg_min({MEASURED}, (abs(epoch_us({MEASURED}) - epoch_us({MIDDLE})), {MEASURED})) AS {MEASURED}
            FROM (FROM before UNION ALL FROM after) GROUP BY {MIDDLE}
        )
        SELECT bins.* EXCLUDE ({MIDDLE}), near.{MEASURED}{", " if beside else ""}{beside}
        FROM bins LEFT JOIN nearest ON nearest.{MIDDLE} = bins.{MIDDLE}
            AND abs(epoch_us(nearest.{MEASURED}) - epoch_us(bins.{MIDDLE})) <= {round(seconds * 1e6)}
        LEFT JOIN {name} AS near ON near.{MEASURED} = nearest.{MEASURED}
        ORDER BY bins.bin_start, bins.camera, bins.deployment NULLS FIRST, bins.taxon
    """


def _reader(database: Database, copy: Path) -> str:
    if copy.suffix == ".parquet":
        return "read_parquet(?)"
    plain, comma = (_READ.format(more=more) for more in ("", ", decimal_separator = ','"))
    return max((plain, comma), key=lambda reader: _numbers(database, reader, copy))


def _numbers(database: Database, reader: str, copy: Path) -> int:
    """Count the columns that are numbers or times when a file is read so: the right decimal sign gives most."""
    try:
        kinds = database.connection.execute(f"DESCRIBE FROM {reader}", [str(copy)]).fetchall()
    except duckdb.Error:
        return -1
    return sum(kind != "VARCHAR" for _, kind, *_ in kinds)


def _time_of(kinds: dict[str, str], file: Path, time: str | None) -> str:
    there = ", ".join(shown(f"{column} ({kind})", 60) for column, kind in kinds.items())
    if time is not None:
        if time not in kinds:
            raise ConfigError(f"File {shown(file.name, 100)} has no column {shown(time, 100)!r} - there are {there}")
        return time
    times = [column for column, kind in kinds.items() if kind in _TIMES]
    if len(times) != 1:
        raise ConfigError(
            f"File {shown(file.name, 100)} has {len(times)} columns that are times - say which one by time=…; there are {there}"
        )
    return times[0]


def _need_one_line_each(database: Database, name: str, file: Path) -> None:
    twice = database.run(
        f"SELECT {MEASURED}, count(*) FROM {name} GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
    ).fetchone()
    if twice:
        raise ConfigError(
            f"File {shown(file.name, 100)} has {twice[1]} lines for {twice[0]} - keep one for each time, such as a mean"
        )


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
