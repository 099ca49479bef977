"""Which days and months `explore` tells of, and how what was counted in bins is laid out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shoal.tables.session import Database

MOST_DAYS = 400
MOST_MONTHS = 600
MOST_DAY_CELLS = 150_000
MOST_MONTH_CELLS = 100_000
"""Days or months times cameras times taxa; where there are many cameras fewer days and months are told, the latest ones."""


def since_when(database: Database, series: int) -> dict[str, datetime | None]:
    """Say from when on days and months are told, by the newest image; None where that is all of them."""
    bounds = {
        "day": f"INTERVAL {min(MOST_DAYS, MOST_DAY_CELLS // max(1, series))} DAY",
        "month": f"INTERVAL {min(MOST_MONTHS, MOST_MONTH_CELLS // max(1, series))} MONTH",
    }
    return {
        name: database.value(
            f"SELECT any_value(since) FROM (SELECT bin_end('{name}', bin_start('{name}', max(end_at) - {span})) AS since "
            f"FROM explored_cameras) WHERE since > (SELECT min(bin_start) FROM explored_bins WHERE bin = '{name}')"
        )
        for name, span in bounds.items()
    }


def told_bins(since: Mapping[str, datetime | None]) -> str:
    """Write as SQL which bins are told."""
    words = [
        f"bin = '{name}'" if moment is None else f"(bin = '{name}' AND bin_start >= TIMESTAMP '{moment}')"
        for name, moment in since.items()
    ]
    return " OR ".join(words)


def spread(rows: Sequence[Mapping[str, Any]], by: str, value: str, length: int) -> list[int]:
    """Lay values out by number, 0 where there is none."""
    found = {row[by]: row[value] or 0 for row in rows}
    return [int(found.get(number, 0)) for number in range(length)]
