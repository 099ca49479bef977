"""A dataset's clock as variables of `include/shoal/tables/sql/clock.sql`."""

from shoal.settings.analysis import Clock
from shoal.settings.clock_patterns import name_groups
from shoal.settings.run_form import Window
from shoal.tables.session import Database


def view_clocked(database: Database, clock: Clock) -> None:
    """Make the view `clocked`: the table `listing` with camera, captured_at (UTC) and clock_flag.

    Reads: listing
    Makes: clocked
    """
    pattern, groups = name_groups(clock.pattern)
    database.set_variable("clock_pattern", pattern)
    database.set_variable("clock_groups", groups)
    database.set_variable("clock_format", clock.format)
    database.set_variable("clock_zone", clock.zone)
    database.set_variable("clock_camera", clock.camera)
    database.run_file("clock")


def narrow_listing(database: Database, clock: Clock, window: Window) -> None:
    """Leave only the images of a window in the table `listing`; it may have been a view.

    Makes: listing, clocked, windowed

    Args:
        database: A session with the listing.
        clock: How a key tells the capture time.
        window: Which times; see there for images without one.
    """
    if window.is_open:
        return
    view_clocked(database, clock)
    database.set_variable("window_start", window.start)
    database.set_variable("window_end", window.end)
    database.run_file("windowed")
    kind = database.value("SELECT table_type FROM information_schema.tables WHERE table_name = 'listing'")
    database.run(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} listing")
    database.run("ALTER TABLE windowed RENAME TO listing")
