"""Very many images for `repeats.py`: ten cameras, a picture every ten minutes, four boxes each on average, by hashes in SQL."""

from planted_scenes import DAY_S, FISH, SIDE, START

from shoal.answers.columns import DETECTIONS, IMAGES
from shoal.tables.session import Database

CAMERAS, EVERY_S, ROCKS, PERIOD_DAYS = 10, 600, 8, 60
TAXA = "[" + ", ".join(f"'{name}'" for name in FISH) + "]"


def _spread(what: str, low: float, high: float) -> str:
    """Write SQL for a value between two bounds that looks random and is the same at every run."""
    return f"({low} + {high - low} * (hash({what}) % 1000003) / 1000003.0)"


_PASSING = f"""
    SELECT i, n, {_spread("(i, n, 'x')", 0.05, 0.95)} AS x, {_spread("(i, n, 'y')", 0.05, 0.95)} AS y,
        {_spread("(i, n, 'w')", 0.03, 0.12)} AS w, (hash((i, n, 't')) % 3)::INTEGER AS taxon
    FROM numbered, range(8) AS passing (n) WHERE n < hash((i, 'many')) % 7
"""
"""Three fish an image, anywhere."""

_ROCKS = f"""
    SELECT i, 100 + n AS n, {_spread("(camera, n, 'rock x')", 0.1, 0.9)} + {_spread("(i, n, 'jx')", -0.001, 0.001)} AS x,
        {_spread("(camera, n, 'rock y')", 0.1, 0.9)} + {_spread("(i, n, 'jy')", -0.001, 0.001)} AS y,
        {_spread("(camera, n, 'rock w')", 0.05, 0.15)} AS w, (n % 3)::INTEGER AS taxon
    FROM numbered, range({ROCKS}) AS rocks (n)
    WHERE day // {PERIOD_DAYS} % {ROCKS} = n AND hash((i, n, 'seen')) % 10 < 7
"""
"""One stone at a time and camera, another one each two months."""

_RESIDENTS = f"""
    SELECT i, 200 + n AS n, {_spread("(camera, n, 'home x')", 0.1, 0.9)} + {_spread("(i, n, 'hx')", -0.006, 0.006)} AS x,
        {_spread("(camera, n, 'home y')", 0.1, 0.9)} + {_spread("(i, n, 'hy')", -0.006, 0.006)} AS y,
        0.1 AS w, (n % 3)::INTEGER AS taxon
    FROM numbered, range(3) AS residents (n) WHERE abs(hour - 9 - 2 * n) < 2 AND hash((i, n, 'there')) % 10 < 8
"""


def load_at_scale(database: Database, images: int) -> tuple[int, int]:
    """Make so many images and their boxes the views of an answer; give how many boxes there are, and how many stones."""
    database.run(f"""
        CREATE VIEW numbered AS SELECT i, i % {CAMERAS} AS camera, {START} + i // {CAMERAS} * {EVERY_S} AS time,
            i // {CAMERAS} * {EVERY_S} // {DAY_S} AS day, (time % {DAY_S}) / 3600.0 AS hour
        FROM range({images}) AS all_of_them (i)
    """)
    database.run(f"CREATE TABLE boxes AS {_PASSING} UNION ALL {_ROCKS} UNION ALL {_RESIDENTS}")
    of_image = (
        f"printf('IPC%d/%d.jpg', i % 10, i) AS key, printf('IPC%d', i % 10) AS camera, {SIDE} AS width, {SIDE} AS height, "
        f"make_timestamp(({START} + i // {CAMERAS} * {EVERY_S}) * 1000000) AS captured_at, 'used' AS use"
    )
    _table(database, "images", IMAGES, f"SELECT {of_image} FROM range({images}) AS all_of_them (i)")
    edges = ", ".join(
        f"{SIDE} * ({axis} {sign} {size} / 2) AS {axis}{number}"
        for number, sign in ((1, "-"), (2, "+"))
        for axis, size in (("x", "w"), ("y", "w * 0.7"))
    )
    _table(
        database,
        "detections",
        DETECTIONS,
        f"SELECT {of_image}, n AS position, {TAXA}[taxon + 1] AS taxon, 'count' AS role, 0.5 AS confidence, {edges} FROM boxes",
    )
    days = images // CAMERAS * EVERY_S // DAY_S
    boxes = int(database.value("SELECT count(*) FROM boxes"))
    database.run("DROP TABLE boxes")
    periods = (days + PERIOD_DAYS - 1) // PERIOD_DAYS
    return boxes, CAMERAS * periods


def _table(database: Database, name: str, columns: dict[str, str], query: str) -> None:
    there = [row[0] for row in database.run(f"DESCRIBE {query}").fetchall()]
    chosen = ", ".join(
        f"{column if column in there else 'NULL'}::{kind} AS {column}" for column, kind in columns.items()
    )
    database.run(f"CREATE TABLE {name} AS SELECT {chosen} FROM ({query})")
