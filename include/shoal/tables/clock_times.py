"""What a clock reads in a listing, read once: patterns are the most of a plan's work, and several steps ask what they found."""

from collections.abc import Iterable, Sequence

from shoal.settings.analysis import Clock
from shoal.settings.clock_patterns import name_groups, names_folders
from shoal.settings.deployments import Deployment
from shoal.tables.capture_times import FILE_NAME, number_listing, view_clocked
from shoal.tables.session import Database


def read_times(database: Database, clock: Clock, deployments: Sequence[Deployment]) -> None:
    """Let a clock read the listing, by names alone, once for all who ask for its times.

    Reads: listing
    Makes: clocked, times
    """
    view_clocked(database, clock, deployments)
    keep_times(database, clock)


def keep_times(database: Database, clock: Clock) -> None:
    """Keep what the view `clocked` reads as the lean table `times`; from then on `clocked` is the listing beside that table.

    An image stands there by its number in the listing, without its key: of a hundred million keys the strings alone would
    be more than a plan's memory.

    Reads: listing
    Makes: clocked, times

    Args:
        database: A session with the view.
        clock: The clock it was made with.
    """
    names = [(n, entry.pattern) for n, entry in enumerate(clock.entries) if entry.reads_name]
    rests = "".join(_rest(database, number, pattern) for number, pattern in names)
    rest = f"CASE WHEN clock_source IS NULL THEN NULL{rests} END" if rests else "NULL"
    # Two spellings of one time are one.
    joined = r"regexp_replace(key, '(\d{8})[-_T](\d{6})', '\1\2', 'g')"
    two_times = rf"len(list_distinct(regexp_extract_all({joined}, '\d{{14}}'))) > 1"
    database.run(
        "CREATE OR REPLACE TABLE times AS SELECT n, clock_source::UTINYINT AS clock_source, camera, deployment, captured_at, "
        "if(clock_flag = 'future', told_at, NULL) AS future_at, last_modified AS stored_at, clock_flag, without_offset, "
        f"{two_times} AS two_times, nullif({rest}, '') AS rest FROM clocked"
    )
    database.run(
        "CREATE OR REPLACE VIEW clocked AS SELECT numbered.* EXCLUDE (n), camera, deployment, captured_at, clock_flag, "
        "clock_source::INTEGER AS clock_source "
        f"FROM ({number_listing()}) AS numbered JOIN times USING (n)"
    )


def read_keys(database: Database, numbers: Iterable[int | None]) -> dict[int, str]:
    """Look up a few keys by their numbers in the listing.

    Reads: listing
    """
    wanted = sorted({number for number in numbers if number is not None})
    if not wanted:
        return {}
    sql = f"SELECT n, key FROM ({number_listing()}) WHERE list_contains(?::BIGINT[], n)"
    return dict(database.run(sql, [wanted]).fetchall())


def _rest(database: Database, number: int, pattern: str) -> str:
    """Find how a camera's name goes on after what an entry took, where its pattern ends with the camera."""
    if not pattern.endswith(")"):
        return ""
    # Empty where nothing follows, so that it changes no match. A _ after the camera is not meant: many patterns stop there.
    with_rest, groups = name_groups(rf"(?P<whole>{pattern})(?P<rest>[-\pL\pN\pM]*)")
    database.set_variable(f"rest_pattern_{number}", with_rest)
    database.set_variable(f"rest_groups_{number}", groups)
    where = (
        "key"
        if names_folders(pattern)
        else f"if(regexp_matches({FILE_NAME}, getvariable('rest_pattern_{number}')), {FILE_NAME}, key)"
    )
    found = f"regexp_extract({where}, getvariable('rest_pattern_{number}'), getvariable('rest_groups_{number}'))"
    return f" WHEN clock_source = {number} AND camera <> '' AND ends_with({found}.whole, camera) THEN {found}.rest"
