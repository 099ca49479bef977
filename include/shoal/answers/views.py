"""DuckDB views over the months of an answer: those that summary.json lists, and of them only what may be asked for."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from shoal.answers.columns import TABLES, WIDTHS
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import NO_MONTH
from shoal.results.stored_summary import StoredSummary
from shoal.results.summary_files import SummaryFile
from shoal.tables.session import Database

SHOWN_NAMES = 8

STORED = "stored_"
"""Begins the names of the views of all that the months hold."""

AROUND = "around_"
"""Begins the name of the view of images that holds the neighbours in time, too: who else is of an event that the span cuts."""

_MOST_GAP = timedelta(days=7)
"""Images of one event are no further apart, see `settings.deployments`."""

_LISTS = {"cameras": "camera", "deployments": "deployment", "taxa": "taxon"}
_REACH = {"counts-day": timedelta(days=2), "counts-month": timedelta(days=32)}
_OF_TAXA = frozenset({"detections", "below", *(f"counts-{width}" for width in WIDTHS)})


def view_answer(
    database: Database,
    summary: StoredSummary,
    where: Where = Where(),  # noqa: B008 - frozen
    prefix: str = "",
) -> None:
    """Make the tables of an answer readable as views: `images`, `detections`, `below`, `counts_day` … and `gaps`.

    A table that the answer does not have, as a width of bins that nobody asked for, is an empty view. Their columns are those of
    docs/formats.md. Of counts only bins are there that lie in the span asked for as a whole; an image or detection without a
    capture time lies in it when its object was last modified in it, as in the windows of runs; of gaps all that reach into it.

    Args:
        database: A session on the results bucket.
        summary: Of a complete run.
        where: What is asked for.
        prefix: Begins the names of the views, where a session holds several answers.

    Raises:
        ConfigError: It names a camera, deployment or taxon that the answer does not know.
        ContractError: A file is gone, or is none of Shoal's.
    """
    view_tables(database, summary.tables, where, prefix)
    around = [file.key for file in _touched(summary.tables, "images", where, _MOST_GAP)]
    database.view_parquet(f"{AROUND}{prefix}images", around, TABLES["images"])
    need_known(database, summary, where, prefix)


def view_tables(
    database: Database,
    files: Sequence[SummaryFile],
    where: Where = Where(),  # noqa: B008 - frozen
    prefix: str = "",
) -> None:
    """Make months of tables readable as views, whoever names them; see `view_answer`."""
    for table, columns in TABLES.items():
        view = f"{prefix}{table.replace('-', '_')}"
        keys = [file.key for file in _touched(files, table, where)]
        database.view_parquet(f"{STORED}{view}", keys, columns)
        conditions = " AND ".join(_conditions(table, where, prefix)) or "true"
        database.run(f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM {STORED}{view} WHERE {conditions}")


def need_known(database: Database, summary: StoredSummary, where: Where, prefix: str = "") -> None:
    """Check that an answer knows what is asked for: a series of it, or an image that is in none.

    Raises:
        ConfigError: It does not.
    """
    images = f"{STORED}{prefix}images"
    known = {
        "cameras": {series["camera"] for series in summary.result["series"]},
        "deployments": {series["deployment"] for series in summary.result["series"]} - {None},
        "taxa": {species["taxon"] for species in summary.result["species"]},
    }
    for name, word in _LISTS.items():
        for asked in getattr(where, name):
            of_images = f"SELECT count(*) FROM (SELECT 1 FROM {images} WHERE {word} = ? LIMIT 1)"
            if asked not in known[name] and (name == "taxa" or not database.value(of_images, [asked])):
                there = sorted(known[name])
                more = f" and {len(there) - SHOWN_NAMES} more" if len(there) > SHOWN_NAMES else ""
                listed = ", ".join(shown(one, 100) for one in there[:SHOWN_NAMES]) or "none"
                raise ConfigError(
                    f"No {word} {shown(asked, 100)!r} in the answer of run {summary.run_key} - there are: {listed}{more}"
                )


def cut_bins(database: Database, where: Where, width: str) -> int:
    """Count the bins of a width that reach into the span asked for and out of it: `counts_<width>` is without them."""
    if where.start is None and where.end is None:
        return 0
    table = f"counts-{width}"
    whole = " AND ".join(_conditions(table, where, ""))
    reach = " AND ".join([*_lists(table, where), *_reach("bin_start", _end_of(table), where)])
    return int(
        database.value(
            "SELECT count(*) FROM (SELECT DISTINCT camera, deployment, bin_start "
            f"FROM {STORED}counts_{width} WHERE {reach} AND NOT ({whole}))"
        )
    )


def _touched(
    files: Sequence[SummaryFile],
    table: str,
    where: Where,
    around: timedelta = timedelta(),
) -> Iterator[SummaryFile]:
    for file in files:
        if file.table == table and (file.month in {None, NO_MONTH} or _in_span(str(file.month), table, where, around)):
            yield file


def _in_span(month: str, table: str, where: Where, around: timedelta) -> bool:
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    end = (start + timedelta(days=32)).replace(day=1)
    # A gap lies where it begins, and may reach into any later month; so does a bin, which may be of a zone, by its own length.
    begins_early = where.end is None or start - around < where.end
    ends = end + around + _REACH.get(table, timedelta())
    return begins_early and (table == "gaps" or where.start is None or ends > where.start)


def _conditions(table: str, where: Where, prefix: str) -> Iterator[str]:
    yield from _lists(table, where)
    if where.start is None and where.end is None:
        return
    if table == "images":
        yield from _within("coalesce(captured_at, last_modified)", where)
    elif table in {"detections", "below"}:
        undated = " AND ".join(["captured_at IS NULL", *_within("last_modified", where)])
        yield (
            f"({' AND '.join(_within('captured_at', where))} OR captured_at IS NULL AND key IN "
            f"(SELECT key FROM {STORED}{prefix}images WHERE {undated}))"
        )
    elif table == "gaps":
        yield from _reach("gap_start", "gap_end", where)
    else:
        end = _end_of(table)
        if where.start is not None:
            yield f"bin_start >= {_moment(where.start)}"
        if where.end is not None:
            yield f"{end} <= {_moment(where.end)}"


def _end_of(table: str) -> str:
    length = WIDTHS[table.removeprefix("counts-")]
    return "bin_end" if length is None else f"bin_start + {length}"


def _lists(table: str, where: Where) -> Iterator[str]:
    for name, column in _LISTS.items():
        if getattr(where, name) and (name != "taxa" or table in _OF_TAXA):
            yield f"{column} IN ({', '.join(map(_text, getattr(where, name)))})"


def _within(moment: str, where: Where) -> Iterator[str]:
    if where.start is not None:
        yield f"{moment} >= {_moment(where.start)}"
    if where.end is not None:
        yield f"{moment} < {_moment(where.end)}"


def _reach(start: str, end: str, where: Where) -> Iterator[str]:
    if where.start is not None:
        yield f"{end} > {_moment(where.start)}"
    if where.end is not None:
        yield f"{start} < {_moment(where.end)}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
