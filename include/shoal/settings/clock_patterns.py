"""Groups of a clock's pattern, read as RE2 reads it: DuckDB runs the pattern, and Python's own engine is another one."""

import re

_PARTS = re.compile(
    r"\\Q.*?(?:\\E|\Z)"  # quoted text
    r"|\\."
    r"|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]"  # a class of characters: a bracket that comes first stands for itself
    r"|\(\?P<(?P<name>[^>]*)>"
    r"|\(\?<(?P<angled>[^>=!][^>]*)>"
    r"|(?P<plain>\((?!\?))",
    re.DOTALL,
)
GROUPS = ("time", "camera", "date")
"""What a pattern may name."""


def read_groups(pattern: str) -> list[str]:
    """List the groups of a pattern in order; one without a name is empty.

    Raises:
        ValueError: A group is named in a way that DuckDB does not read.
    """
    names = []
    for part in _PARTS.finditer(pattern):
        if (angled := part["angled"]) is not None:
            raise ValueError(f"(?<{angled}>…) is a group that DuckDB does not read - write (?P<{angled}>…)")
        if part["name"] is not None or part["plain"]:
            names.append(part["name"] or "")
    return names


def name_groups(pattern: str) -> tuple[str, list[str]]:
    """Name every group of a pattern, as DuckDB's regexp_extract wants it; add an empty one for each of `GROUPS` it lacks."""
    names = read_groups(pattern)
    missing = [name for name in GROUPS if name not in names]
    pattern += "".join(f"(?P<{name}>)" for name in missing)
    return pattern, [name or f"group_{position}" for position, name in enumerate([*names, *missing], 1)]


def names_folders(pattern: str) -> bool:
    """Whether a pattern speaks of folders: it has a `/` that is not in a class of what must not come, such as `[^/]`.

    Such a pattern is searched in the whole key; any other one in the file's own name first, where a camera writes its time: a
    folder is named by a person, for a day, a card or a place.
    """
    return "/" in _PARTS.sub(lambda part: "" if part[0].startswith("[^") else part[0], pattern)
