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
_VALUE = "value_"
"""Begins the names of a file's other columns in the session: their own may be that of the time."""

_DAY_OR_MONTH = r"\s*(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{2,4})([T ,].*)?\s*"
"""A text that begins so has its day and its month in one order or the other."""


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
        return _load(database, copy, file, name, time)
    finally:
        copy.unlink()


def _load(database: Database, copy: Path, file: Path, name: str, time: str | None) -> list[str]:
    try:
        database.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {name}_read AS FROM {_reader(database, copy)}", [str(copy)]
        )
    except duckdb.Error as err:
        raise ConfigError(f"File {shown(str(file))} cannot be read: {first_line(err)}") from err
    kinds = {column: kind for column, kind, *_ in database.run(f"DESCRIBE {name}_read").fetchall()}
    column_of_time = _time_of(kinds, file, time)
    moment = _quoted(column_of_time)
    if copy.suffix != ".parquet":
        _need_one_order(database, copy, column_of_time, file)
    others = [column for column in kinds if _quoted(column) != moment]
    numbered = (f"{_quoted(column)} AS {_VALUE}{number}" for number, column in enumerate(others))
    selected = ", ".join([f"{moment}::TIMESTAMP AS {MEASURED}", *numbered])
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
    named = _names_beside(columns, (*TABLES[f"counts-{width}"], MEASURED, MIDDLE))
    end = "bin_end" if WIDTHS[width] is None else f"(bin_start + {WIDTHS[width]})"
    beside = ", ".join(f"near.{_VALUE}{number} AS {_quoted(column)}" for number, column in enumerate(named))
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
        if kinds[time] not in _TIMES:
            raise ConfigError(
                f"Column {shown(time, 100)!r} of {shown(file.name, 100)} is no time but {shown(kinds[time], 60)} - write "
                "2026-06-01T06:00:00Z"
            )
        return time
    times = [column for column, kind in kinds.items() if kind in _TIMES]
    if len(times) != 1:
        raise ConfigError(
            f"File {shown(file.name, 100)} has {len(times)} columns that are times - say which one by time=…; there are {there}"
        )
    return times[0]


def _need_one_order(database: Database, copy: Path, column: str, file: Path) -> None:
    """Check that a CSV's times can be read in one way only, or with the day and the month in one order only.

    Raises:
        ConfigError: 06/01/2026 is in January or in June.
    """
    text = f"trim({_quoted(column)})"
    first, second = (f"regexp_extract({text}, '{_DAY_OR_MONTH}', {group})::INTEGER" for group in (1, 2))
    [doubtful] = database.records(
        f"SELECT count(*) AS lines, bool_and({first} <= 12 AND {second} <= 12) AS either, "
        f"bool_or({first} <> {second}) AS differ, any_value({text}) FILTER ({first} <> {second}) AS example "
        f"FROM read_csv(?, types = {{{_text(column)}: 'VARCHAR'}}) WHERE regexp_full_match({text}, '{_DAY_OR_MONTH}')",
        [str(copy)],
    )
    if doubtful["lines"] and doubtful["either"] and doubtful["differ"]:
        raise ConfigError(
            f"Column {shown(column, 100)!r} of {shown(file.name, 100)}: {shown(doubtful['example'], 60)!r} begins with a day "
            "or with a month, and every line can be read both ways - write 2026-06-01T06:00:00Z"
        )


def _names_beside(columns: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Name a file's columns beside others: one whose name is taken, in whatever case, gets `_of_file` and maybe a number."""
    used = {name.casefold() for name in taken}
    own = {column.casefold() for column in columns}
    names = []
    for column in columns:
        name, number = column, 1
        while name.casefold() in used or (name != column and name.casefold() in own):
            name, number = f"{column}_of_file{number if number > 1 else ''}", number + 1
        used.add(name.casefold())
        names.append(name)
    return names


def _need_one_line_each(database: Database, name: str, file: Path) -> None:
    twice = database.run(
        f"SELECT {MEASURED}, count(*) FROM {name} GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
    ).fetchone()
    if twice:
        raise ConfigError(
            f"File {shown(file.name, 100)} has {twice[1]} lines for {twice[0]} - keep one for each time, such as a mean"
        )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
