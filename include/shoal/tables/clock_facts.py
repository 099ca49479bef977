"""What is odd in the times and cameras of a listing, counted, with an example of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shoal.tables.session import Database

_NAMED = {
    **{flag: f"clock_flag = '{flag}'" for flag in ("undated", "epoch", "future", "contested", "uploaded")},
    "twice": "two_times",
    "cut": "rest IS NOT NULL",
    "without_offset": "without_offset",
}
"""What is counted in `clock_table`, and which rows of `times` that are: each with an example."""


@dataclass(frozen=True)
class Whole:
    """What is looked at.

    Attributes:
        keys: Images in all.
        dataset: Name of the dataset; empty where no command is to be named.
        after_reading: Whether EXIF of the images is known.
    """

    keys: int
    dataset: str
    after_reading: bool


@dataclass(frozen=True)
class Facts:
    """What is odd in the whole listing.

    Attributes:
        counts: Images by `_NAMED`, those `doubled`, and by how many seconds the most is `most_ahead`.
        examples: Number of one of them in the listing; none where there are none.
        keys: Its key.
    """

    counts: Mapping[str, Any]
    examples: Mapping[str, int]
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> list[int]:
        """The images whose keys are asked for."""
        return list(self.examples.values())

    def with_keys(self, keys: Mapping[int, str]) -> "Facts":
        """Name the examples by keys."""
        return replace(self, keys={name: keys[number] for name, number in self.examples.items()})

    def __getitem__(self, name: str) -> Any:
        """Count something."""
        return self.counts[name]


def read_facts(database: Database) -> Facts:
    """Count what is odd.

    Reads: times, clock_table, doubled_moments
    """
    counts = ", ".join(f"coalesce(sum({name}), 0)::BIGINT AS {name}" for name in (*_NAMED, "doubled"))
    numbers = ", ".join(f"min(n) FILTER ({which}) AS {name}" for name, which in _NAMED.items())
    (counted,) = database.records(f"SELECT {counts}, max(most_ahead) AS most_ahead FROM clock_table")
    (examples,) = database.records(f"SELECT {numbers} FROM times")
    if counted["doubled"]:
        examples["doubled"] = database.value(
            "SELECT min(n) FROM times SEMI JOIN ("
            "SELECT entry AS clock_source, camera, captured_at FROM doubled_moments ORDER BY captured_at, camera, entry LIMIT 1"
            ") USING (clock_source, camera, captured_at)"
        )
    return Facts(counted, {name: number for name, number in examples.items() if number is not None})
