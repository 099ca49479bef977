"""What a dataset's clock understood of a listing, as a small table: a wrong pattern is seen before anything is inferred."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shoal.contract.errors import shown
from shoal.contract.stored_json import checked, picked, take
from shoal.contract.units import utc_text
from shoal.settings.analysis import Clock, ClockEntry
from shoal.tables.clock_facts import Whole, read_facts
from shoal.tables.clock_times import read_keys
from shoal.tables.clock_words import say_odd
from shoal.tables.session import Database

SHOWN_LINES = 20
"""Lines that are shown and stored: those of the most images."""

FLAGS = ("undated", "epoch", "future", "contested", "ambiguous", "nonexistent", "uploaded", "doubled")
UPLOAD = "time of upload, not of capture"
"""What an entry with `last_modified` reads, in words."""

LONGEST_CAMERA, LONGEST_KEY = 32, 80
TITLE = ("clock", "images", "camera", "first (UTC)", "last (UTC)", "such as")
"""Heads of the columns of `ClockLine.cells`."""


@dataclass(frozen=True)
class ClockLine:
    """One convention and camera.

    Attributes:
        convention: The entry of `clock` that found the times, from 0; None where none found a usable one.
        by: What it reads: `name`, `EXIF` or `UPLOAD`; None where there is no entry.
        camera: The camera.
        keys: Images.
        first: The earliest capture time, UTC; None without an entry.
        last: The latest.
        example: One of the keys.
        flags: How many of them have a flag, by `FLAGS`; those without any are left out.
    """

    convention: int | None
    by: str | None
    camera: str
    keys: int
    first: str | None
    last: str | None
    example: str
    flags: Mapping[str, int] = field(default_factory=dict)

    def cells(self) -> tuple[str, ...]:
        """Write it as a line of the table for people."""
        by = "no time" if self.convention is None else f"entry {self.convention + 1}: {self.by}"
        told = {flag: count for flag, count in self.flags.items() if (flag, self.by) != ("uploaded", UPLOAD)}
        flags = "".join(f", {count} {flag}" for flag, count in told.items() if count != self.keys or self.by)
        if self.convention is None and not flags:
            by = ", ".join(self.flags) or by
        first, last = ((moment or "-").replace("T", " ").removesuffix("Z") for moment in (self.first, self.last))
        camera = shown(self.camera, LONGEST_CAMERA)
        return by, f"{self.keys}{flags}", camera, first, last, shown(self.example, LONGEST_KEY)


@dataclass(frozen=True)
class ClockTable:
    """What a clock understood.

    Attributes:
        lines: Those of the most images.
        more_lines: How many are left out.
        more_keys: Their images.
        odd: What is odd, and what to write instead: a sentence each.
    """

    lines: tuple[ClockLine, ...] = ()
    more_lines: int = 0
    more_keys: int = 0
    odd: tuple[str, ...] = ()

    def describe(self) -> list[str]:
        """Write the table and what is odd for people."""
        return [*self.table(), *(f"clock: {sentence}" for sentence in self.odd)]

    def table(self) -> list[str]:
        """Write the table alone; nothing without images."""
        if not self.lines:
            return []
        cells = [TITLE, *(line.cells() for line in self.lines)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
        if self.more_lines:
            lines.append(f"and {self.more_lines} more lines of {self.more_keys} images")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Write `clock` of plan.json and summary.json."""
        return {
            "lines": [{**vars(line), "flags": dict(line.flags)} for line in self.lines],
            "more_lines": self.more_lines,
            "more_keys": self.more_keys,
            "odd": list(self.odd),
        }

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "ClockTable":
        """Read what `to_json` wrote."""
        lines = picked(ClockLine, stored["lines"])
        return checked(cls(lines, stored["more_lines"], stored["more_keys"], tuple(take(stored, "odd", list))))


def read_clock_table(database: Database, clock: Clock, dataset: str, *, after_reading: bool = False) -> ClockTable:
    """Read what the clock of the table `times` understood.

    Reads: listing, times
    Makes: clock_table, doubled_moments

    Args:
        database: A session with the table.
        clock: The clock it was made with.
        dataset: Its name, for the command that helps.
        after_reading: Whether the table knows the EXIF of the images.
    """
    database.run_file("clock_table")
    largest = database.records(
        f"SELECT * FROM clock_table ORDER BY keys DESC, entry NULLS LAST, camera LIMIT {SHOWN_LINES}"
    )
    (all_of_them,) = database.records(
        "SELECT count(*) AS lines, coalesce(sum(keys), 0)::BIGINT AS keys FROM clock_table"
    )
    facts = read_facts(database)
    examples = [record["example"] for record in largest]
    keys = read_keys(database, [*examples, *facts.numbers])
    lines = tuple(_line(record, keys[record["example"]], clock) for record in largest)
    whole = Whole(int(all_of_them["keys"]), dataset, after_reading)
    return ClockTable(
        lines,
        int(all_of_them["lines"]) - len(lines),
        whole.keys - sum(line.keys for line in lines),
        say_odd(database, clock, whole, facts.with_keys(keys)),
    )


def _line(record: Mapping[str, Any], example: str, clock: Clock) -> ClockLine:
    entry: int | None = record["entry"]
    first, last = (moment and utc_text(moment) for moment in (record["first"], record["last"]))
    return ClockLine(
        entry,
        None if entry is None else _what_reads(clock.entries[entry]),
        record["camera"],
        int(record["keys"]),
        first,
        last,
        example,
        {flag: int(record[flag]) for flag in FLAGS if record[flag]},
    )


def _what_reads(entry: ClockEntry) -> str:
    return "EXIF" if entry.exif else UPLOAD if entry.last_modified else "name"
