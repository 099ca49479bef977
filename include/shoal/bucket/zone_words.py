"""Where the zone databases of DuckDB and Python differ while the images were taken: one of them is of another year, and wrong."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shoal.contract.units import utc_text
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

_OFFSETS = """
-- Twice a day: zones differ for months.
SELECT epoch_us(moment), datediff('minute', moment, (moment AT TIME ZONE 'UTC') AT TIME ZONE '{zone}')
FROM (
    SELECT unnest(range(first, last, INTERVAL 12 HOUR) || [last]) AS moment
    FROM (SELECT $1::TIMESTAMP AS first, $2::TIMESTAMP AS last)
)
"""


def read_zone_words(database: Database, dataset: Dataset) -> tuple[str, ...]:
    """Say for which zones of a dataset the databases differ within the span of a listing's times.

    Reads: times

    Args:
        database: A session with the times of a listing.
        dataset: Its clock, deployments and report name zones.
    """
    first, last = database.run(
        "SELECT min(captured_at), max(captured_at) FROM times WHERE was_told(captured_at, clock_flag)"
    ).fetchall()[0]
    if first is None:
        return ()
    zones = {
        dataset.report.zone,
        *(entry.zone for entry in dataset.clock.entries),
        *(stay.zone for stay in dataset.deployments if stay.zone),
    }
    return tuple(line for zone in sorted(zones) for line in _line(database, zone, first, last))


def _line(database: Database, zone: str, first: datetime, last: datetime) -> Iterator[str]:
    rows = database.run(_OFFSETS.format(zone=zone.replace("'", "''")), [first, last]).fetchall()
    differing = [found for row in rows if (found := _differs(row, ZoneInfo(zone)))]
    if not differing:
        return
    moment, ours, other = differing[0]
    yield (
        f"clock: of zone {zone} two zone databases say different things within these images' time, first at {utc_text(moment)}: "
        f"DuckDB's, by which times are read and days are cut, {_offset(ours)}, and Python's {_offset(other)} - look up which is "
        "right there; if DuckDB's is not, times are read and days cut wrongly by that until its next release: for images of one "
        "side of a change write a zone of a fixed offset, such as Etc/GMT+7 for -07:00"
    )


def _differs(row: Sequence[int], zone: ZoneInfo) -> tuple[datetime, int, int] | None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row[0])
    other = (moment.astimezone(zone).utcoffset() or timedelta()) // timedelta(minutes=1)
    return None if row[1] == other else (moment, row[1], other)


def _offset(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
