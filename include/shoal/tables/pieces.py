"""A listing in pieces: what is joined with whole rows is joined piece by piece, so that memory does not grow with the bucket."""

from collections import deque

from shoal.contract.errors import NoRoomError
from shoal.tables.scratch import lacks_memory
from shoal.tables.session import Database

IMAGE_BYTES = 1024
"""Of a session's memory for each image of a piece: its row of a few boxes, as a join holds it, and what else it holds beside."""

LEAST_IMAGES = 1000
"""A piece of so many that memory does not do for is not cut again."""


def make_in_pieces(database: Database, table: str, query: str) -> None:
    """Make a table of a query over the listing piece by piece; rows that are wider than most are joined in smaller pieces.

    The query reads these variables: from `piece_start` to before `piece_end`, numbers of the listing's lines from 0 on;
    `piece_least` and `piece_most`, the least and the greatest key of them. A listing is in the order of keys, so that few others
    lie between. Of an empty listing there is one piece, which is empty.

    Reads: listing

    Args:
        database: A session with the table `listing`.
        table: What to make.
        query: Gives its rows of one piece.
    """
    images = int(database.value("SELECT count(*) FROM listing"))
    # A line is asked for by DuckDB's own number of it, which is fast, where times are by the line's place.
    numbered = "SELECT rowid + 1 AS line, row_number() OVER () AS place FROM listing"
    if database.value(f"SELECT count(*) FROM ({numbered}) WHERE line <> place"):
        raise AssertionError("lines of the listing are not numbered as they lie there")
    step = max(LEAST_IMAGES, database.limits.memory_bytes // IMAGE_BYTES)
    pieces = deque((start, min(start + step, images)) for start in range(0, max(images, 1), step))
    made = f"CREATE OR REPLACE TABLE {table} AS"
    while pieces:
        start, end = pieces.popleft()
        _ask_for(database, start, end)
        try:
            database.run(f"{made} {query}")
        except NoRoomError as err:
            if not lacks_memory(err.__cause__) or end - start <= LEAST_IMAGES:
                raise
            middle = (start + end) // 2
            pieces.extendleft([(middle, end), (start, middle)])
        else:
            made = f"INSERT INTO {table}"


def _ask_for(database: Database, start: int, end: int) -> None:
    ends = "SELECT coalesce(min(key), '') AS least, coalesce(max(key), '') AS most FROM listing"
    (keys,) = database.records(f"{ends} WHERE rowid >= {start} AND rowid < {end}")
    for name, value in {"start": start, "end": end, **keys}.items():
        database.set_variable(f"piece_{name}", value)
