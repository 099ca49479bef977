"""What a judge of manifests finds wrong: one line a field, with the way by which the installation may allow it."""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from shoal.contract.errors import ConfigError, shown

SWITCH = "SHOAL_POD_TEMPLATE_MAY"
"""Environment variable of the installation: names of fields, with commas or blanks between."""

MOST_LINES = 20


def allowed_here() -> frozenset[str]:
    """Read what this installation lets pod templates have."""
    return frozenset(re.split(r"[,\s]+", os.environ.get(SWITCH, ""))) - {""}


@dataclass
class Refusals:
    """Collects what is wrong with a pod template.

    Attributes:
        whole: Where the template stands in a dataset file.
        allowed: What the installation allows.
    """

    whole: str
    allowed: Collection[str] = field(default_factory=allowed_here)
    lines: list[str] = field(default_factory=list)

    def refuse(self, place: str, why: str) -> None:
        """Name a field that nobody can have."""
        self.lines.append(f"{self.whole}.{shown(place, 200)}: {why}")

    def ask(self, place: str, why: str, name: str) -> None:
        """Name a field that the installation may allow, unless it does.

        Args:
            place: Of the field.
            why: What it would do.
            name: By which it is allowed.
        """
        if name not in self.allowed:
            self.refuse(place, f"{why} - remove it, or allow it where Airflow runs: {SWITCH}={shown(name, 60)}")

    def ask_unknown(self, place: str, name: str, known: Collection[str]) -> None:
        """Name a field that is not known here: a slip of the pen, or one of a Kubernetes that is newer than this file."""
        meant = get_close_matches(name, known, 1)
        self.ask(place, f"Shoal does not know it{f', did you mean {meant[0]}?' if meant else ''}", name)

    def mapping(self, place: str, value: Any) -> dict[str, Any]:
        """Take a mapping; anything else is refused, and taken for an empty one."""
        if isinstance(value, dict):
            return {str(name): said for name, said in value.items()}
        if value is not None:
            self.refuse(place, f"is no mapping ({quoted(value)}) - write name: value")
        return {}

    def mappings(self, place: str, value: Any, needed: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
        """Walk a list of mappings, each with its place; what is none is refused and passed over.

        Args:
            place: Of the list.
            value: What stands there; None is an empty list.
            needed: A field that every entry has, as text.
        """
        if value is not None and not isinstance(value, list):
            self.refuse(place, f"is no list ({quoted(value)}) - write one, each entry a mapping")
            return
        for index, item in enumerate(value or ()):
            entry = self.mapping(f"{place}.{index}", item)
            if needed and entry and not isinstance(entry.get(needed), str):
                self.refuse(f"{place}.{index}", f"has no {needed} - add it")
            elif entry:
                yield f"{place}.{entry['name'] if needed == 'name' else index}", entry

    def end(self) -> None:
        """Raise what was found.

        Raises:
            ConfigError: Anything was; one line each.
        """
        more = len(self.lines) - MOST_LINES
        if self.lines:
            raise ConfigError(
                "\n".join([*self.lines[:MOST_LINES], *([f"{self.whole}: … and {more} more"] if more > 0 else [])])
            )


def quoted(value: Any) -> str:
    """Write a value as YAML has it, in a few characters."""
    return str(value).lower() if isinstance(value, bool) else shown(repr(value), 60)
