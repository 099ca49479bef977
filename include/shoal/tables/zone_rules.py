"""The rules of zones by which times are read and days are cut: those of DuckDB's zone database, and of no other.

Python has a database of its own, which may be of another year: by both of them a span would begin within a day of the tables.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache

import duckdb

from shoal.tables.session import read_sql


@cache
def first_moment(day: date, zone: str) -> datetime:
    """Tell when a day of a zone's calendar begins, as the bins of a day do.

    Args:
        day: The day.
        zone: An IANA name.

    Raises:
        OverflowError: No calendar of Python's has that moment.
    """
    # Written into the query: given a parameter, DuckDB imports pandas.
    quoted = "'" + zone.replace("'", "''") + "'"
    with duckdb.connect() as connection:
        connection.execute(f"SET VARIABLE report_zone = {quoted}; {read_sql('bins')}")
        found = connection.execute(f"SELECT epoch_us(first_instant(DATE '{day.isoformat()}'::TIMESTAMP))").fetchall()
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found[0][0])
