"""How real cameras and observatories name their pictures, and what a clock reads in such keys."""

import csv
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shoal.settings.analysis import Clock
from shoal.tables.capture_times import view_clocked
from shoal.tables.session import Database

Convention = Mapping[str, str]

with (Path(__file__).parents[1] / "fixtures" / "key_conventions.csv").open(encoding="utf-8", newline="") as file:
    READER = csv.DictReader(file)
    CONVENTIONS = list(READER)

BY_KEY = {row["key"]: row for row in CONVENTIONS}
ZONES = sorted({row["zone"] for row in CONVENTIONS})


def read_clocked(
    clock: Clock, conventions: Iterable[Convention], folder: Path
) -> dict[str, tuple[str, datetime | None]]:
    """Camera and capture time (UTC) of every key.

    Args:
        clock: How the keys tell it.
        conventions: Rows of the table.
        folder: Scratch folder.
    """
    database = Database(None, folder)
    database.run("CREATE TABLE listing (key VARCHAR, last_modified TIMESTAMP)")
    listed = [(row["key"], row["last_modified"].removesuffix("Z")) for row in conventions]
    database.connection.executemany("INSERT INTO listing VALUES (?, ?)", listed)
    view_clocked(database, clock, ())
    found = database.run("SELECT key, camera, captured_at FROM clocked").fetchall()
    return {key: (camera, at and at.replace(tzinfo=UTC)) for key, camera, at in found}


def is_right(captured_at: datetime, convention: Convention) -> bool:
    """Whether a time is the convention's own; one without fractions of a second is."""
    right = convention["right_time"]
    return bool(right) and abs(captured_at - datetime.fromisoformat(right)) < timedelta(seconds=1)
