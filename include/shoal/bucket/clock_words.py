"""What a dataset's clock understood of a listing, in a few lines: a wrong pattern is seen before anything is inferred."""

from shoal.settings.analysis import Clock
from shoal.settings.clock_patterns import name_groups
from shoal.tables.capture_times import view_clocked
from shoal.tables.session import Database

_SEEN = r"""
WITH seen AS (
    SELECT key, camera, captured_at, clock_flag,
        regexp_extract(key, getvariable('rest_pattern'), getvariable('rest_groups')) AS found,
        regexp_extract(key, getvariable('clock_pattern_0')) AS matched,
        len(list_distinct(regexp_extract_all(key, '\d{8}[-_T]?\d{6}'))) > 1 AS two_times
    FROM clocked
), per_moment AS (
    SELECT camera, captured_at, count(*) AS images, min(key) AS key,
        count(*) FILTER (clock_flag = 'undated') AS undated, min(key) FILTER (clock_flag = 'undated') AS undated_key,
        count(*) FILTER (clock_flag = 'epoch') AS epoch, min(key) FILTER (clock_flag = 'epoch') AS epoch_key,
        count(*) FILTER (clock_flag = 'future') AS future, min(key) FILTER (clock_flag = 'future') AS future_key,
        count(*) FILTER (two_times) AS twice, min(key) FILTER (two_times) AS twice_key,
        count(*) FILTER (found.rest <> '' AND found.camera <> '' AND ends_with(matched, found.camera)) AS cut,
        min(key) FILTER (found.rest <> '' AND found.camera <> '' AND ends_with(matched, found.camera)) AS cut_key
    FROM seen GROUP BY ALL
)
SELECT sum(images) AS images, sum(undated) AS undated, min(undated_key) AS undated_key, sum(epoch) AS epoch,
    min(epoch_key) AS epoch_key, sum(future) AS future, min(future_key) AS future_key, sum(twice) AS twice,
    min(twice_key) AS twice_key, sum(cut) AS cut, min(cut_key) AS cut_key,
    sum(images - 1) FILTER (captured_at IS NOT NULL) AS doubled,
    min(key) FILTER (captured_at IS NOT NULL AND images > 1) AS doubled_key
FROM per_moment
"""
_WORDS = {
    "undated": "have no time in their name",
    "epoch": "have a time before 1990 in their name: a clock that was never set",
    "future": "have a time in their name that is more than a day after they were last modified",
    "twice": "have two different times in their key",
    "cut": "have a camera name that goes on after what clock.pattern takes",
    "doubled": "have the camera and the instant of another image",
}


def read_clock_words(database: Database, clock: Clock) -> tuple[str, ...]:
    """Say what is odd in the times and cameras of a listing; nothing where all is well.

    Reads: listing
    Makes: clocked
    """
    view_clocked(database, clock)
    # Empty where nothing follows, so that it changes no match. A _ after the camera is not meant: many patterns stop there.
    pattern, groups = name_groups(clock.pattern + r"(?P<rest>[-\pL\pN\pM]*)")
    database.set_variable("rest_pattern", pattern)
    database.set_variable("rest_groups", groups)
    (seen,) = database.records(_SEEN)
    return tuple(
        f"clock: {int(seen[name])} of {int(seen['images'])} images {words}, such as {seen[name + '_key']!r}"
        for name, words in _WORDS.items()
        if seen[name]
    )
