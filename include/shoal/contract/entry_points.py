"""What other people's wheels add to a table of ours, found by entry points and imported only when it is asked for."""

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from shoal.contract.errors import ConfigError


def find_added(group: str, own: dict[str, Any]) -> dict[str, EntryPoint]:
    """Find what is installed under a group, by name in alphabetical order.

    Args:
        group: Group of entry points, such as `shoal.tasks`.
        own: The table that they add to.

    Raises:
        ConfigError: Two things have one name.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        other = "Shoal's own" if point.name in own else found[point.name].value if point.name in found else None
        if other not in (None, point.value):  # the same one twice is one wheel on the path twice
            raise ConfigError(
                f"{_wheel(point)} adds {point.name!r} to {group}, and there is one of that name: {other} - "
                "rename its entry point, or uninstall one of the two"
            )
        found[point.name] = point
    return found


def load_added(point: EntryPoint) -> Any:
    """Import the class that an entry point names, and make one.

    Raises:
        ConfigError: That fails, in whatever way.
    """
    try:
        return point.load()()
    except Exception as err:  # other people's code
        raise ConfigError(
            f"{_wheel(point)} adds {point.name!r} to {point.group}, and {point.value} cannot be imported: "
            f"{one_line(err)} - repair or uninstall it"
        ) from err


def load_path(path: str) -> Any:
    """Import `module:name`.

    Raises:
        ConfigError: That fails, in whatever way.
    """
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except Exception as err:  # may be other people's code
        raise ConfigError(f"{path} cannot be imported: {one_line(err)} - install its wheel here again") from err


def _wheel(point: EntryPoint) -> str:
    return "A wheel" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def one_line(err: Exception) -> str:
    """Say what went wrong in other people's code."""
    return f"{type(err).__name__}: {' '.join(str(err).split())}"[:300]
