"""A dataset's clock as variables of `include/sql/clock.sql`."""

import re

from shoal.database import Database
from shoal.dataset import Clock


def view_clocked(database: Database, clock: Clock) -> None:
    """Make the view `clocked`: the table `listing` with camera, captured_at (UTC) and clock_flag."""
    pattern, groups = name_groups(clock.pattern)
    database.set_variable("clock_pattern", pattern)
    database.set_variable("clock_groups", groups)
    database.set_variable("clock_format", clock.format)
    database.set_variable("clock_zone", clock.zone)
    database.set_variable("clock_camera", clock.camera)
    database.run_file("clock")


def name_groups(pattern: str) -> tuple[str, list[str]]:
    """Name every group of a pattern in order, as DuckDB's regexp_extract wants it; add an empty camera where none is."""
    compiled = re.compile(pattern)
    if "camera" not in compiled.groupindex:
        pattern, compiled = f"{pattern}(?P<camera>)", re.compile(f"{pattern}(?P<camera>)")
    names = {position: name for name, position in compiled.groupindex.items()}
    return pattern, [names.get(position, f"group_{position}") for position in range(1, compiled.groups + 1)]
