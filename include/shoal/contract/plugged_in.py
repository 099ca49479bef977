"""What another wheel plugs into one of Shoal's tables: an entry point of the group `shoal.<kind>`. Provisional until 1.0."""

import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pkgutil import resolve_name
from typing import Any

from shoal.contract.errors import ConfigError, one_line

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def plugged_in(group: str) -> list[str]:
    """Name what other wheels plug in, by metadata alone: nothing of theirs is imported. A strange name is not offered."""
    return sorted({point.name for point in entry_points(group=group) if _NAME.fullmatch(point.name)})


def load(name: str, table: Mapping[str, str], group: str) -> Any:
    """Import what a name stands for: an object of the table, else the one a wheel plugs in under that name.

    Args:
        name: As the table or an entry point has it.
        table: `module:object` by name; a wheel cannot replace one of these.
        group: Of the entry points.

    Raises:
        ConfigError: Nothing has this name, two wheels have it, or its module cannot be imported.
    """
    return resolve_name(table[name]) if name in table else load_of_wheel(name, _find(name, table, group).value, group)


def load_of_wheel(name: str, path: str, group: str) -> Any:
    """Import what another wheel names.

    Args:
        name: Of its entry point.
        path: `module:object`, that of the entry point or one that its object names.
        group: Of the entry point.

    Raises:
        ConfigError: It cannot be imported.
    """
    try:
        return EntryPoint(name, path, group).load()
    except MemoryError:
        raise
    except (Exception, SystemExit) as err:  # a stranger's module may raise anything
        raise ConfigError(
            f"{group} {name} ({path}) cannot be imported: {type(err).__name__}: {one_line(err)} - install what it needs, "
            "or a release of its wheel that fits this one"
        ) from err


def _find(name: str, table: Mapping[str, str], group: str) -> EntryPoint:
    points = [point for point in entry_points(group=group) if point.name == name and _NAME.fullmatch(name)]
    if not points:
        raise ConfigError(f"{group}: nothing is named {name!r} - there are {', '.join([*table, *plugged_in(group)])}")
    if len(points) > 1:
        wheels = ", ".join(sorted(point.dist.name if point.dist else "?" for point in points))
        raise ConfigError(f"{group}: {name!r} is in several wheels ({wheels}) - uninstall all but one")
    return points[0]
