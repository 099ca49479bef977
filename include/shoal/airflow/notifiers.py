"""Which notifiers a dataset file may name: classes derived from Airflow's BaseNotifier, and nothing is run to find out.

A path names anything that Python can import, and an import runs the module. So its source is read first: only a module that
says of itself that it has such a class, derived from something, is imported; only one derived from BaseNotifier is made.
"""

import ast
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from inspect import isabstract, signature
from pkgutil import resolve_name

from airflow.sdk import BaseNotifier

from shoal.contract.errors import ConfigError, one_line, shown
from shoal.settings.alerts import Alerts

_LONGEST_SOURCE = 2 * 1000**2
_MOST_STEPS = 5
"""A name may be imported from a module that imports it from another one; no further than this."""

_EXAMPLE = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"


def need_notifiers(alerts: Alerts) -> None:
    """Refuse what cannot be a notifier, without importing it; what is not installed here is left to `check_notifiers`.

    Raises:
        ConfigError: One line for each.
    """
    lines = []
    for entry in alerts.notifiers:
        if _find_spec(entry.notifier.rpartition(".")[0]) is not None:
            try:
                _need_class(entry.notifier)
            except ConfigError as err:
                lines.append(str(err))
    if lines:
        raise ConfigError("\n".join(lines))


def find_notifier(path: str) -> type[BaseNotifier]:
    """Import a notifier's class.

    Args:
        path: Import path of a class.

    Raises:
        ConfigError: There is none, or it is no notifier.
    """
    module = path.rpartition(".")[0]
    if _find_spec(module) is None:
        raise _refusal(path, f"there is no module {module} here")
    _need_class(path)
    try:
        found = resolve_name(path)
    except MemoryError:
        raise
    except (Exception, SystemExit) as err:  # a stranger's module may raise anything
        raise _refusal(path, f"it cannot be imported ({type(err).__name__}: {one_line(err, 200)})") from err
    if not isinstance(found, type) or not issubclass(found, BaseNotifier):
        raise _refusal(path, "it is not derived from Airflow's BaseNotifier")
    if (found.notify, found.async_notify) == (BaseNotifier.notify, BaseNotifier.async_notify) or isabstract(found):
        raise _refusal(path, "it has no notify of its own")
    return found


def check_notifiers(alerts: Alerts) -> str:
    """Import every notifier and hold its arguments against what it takes; none is made.

    Raises:
        ConfigError: One cannot be used.
    """
    for entry in alerts.notifiers:
        takes = signature(find_notifier(entry.notifier))
        try:
            takes.bind(**entry.arguments)
        except TypeError as err:
            raise ConfigError(
                f"alerts.notifiers: {entry.notifier}: {err} - it takes {', '.join(takes.parameters) or 'no arguments'}"
            ) from err
    told = [*alerts.email, *(entry.notifier for entry in alerts.notifiers)]
    return f"{', '.join(told)} will be told"


def _need_class(path: str) -> None:
    module, _, name = path.rpartition(".")
    if not _has_class(module, name):
        raise _refusal(path, f"{module} has no class {name} that is derived from another one")


def _refusal(path: str, why: str) -> ConfigError:
    known = _known_notifiers()
    meant = get_close_matches(path, known, 1, cutoff=0.8)
    way_out = f"did you mean {meant[0]}?" if meant else "name a class derived from airflow.sdk.BaseNotifier, such as "
    return ConfigError(
        f"alerts.notifiers: {shown(path, 200)} is no notifier: {shown(why, 300)} - {way_out}{'' if meant else _EXAMPLE}"
    )


def _known_notifiers() -> list[str]:
    """List what installed providers say they bring."""
    known = {_EXAMPLE}
    for point in entry_points(group="apache_airflow_provider"):
        try:
            known |= {str(path) for path in point.load()().get("notifications") or ()}
        except Exception:  # noqa: BLE001, S112 - a provider may be anybody's, and this only helps a message
            continue
    return sorted(known)


@cache
def _has_class(module: str, name: str, steps: int = _MOST_STEPS) -> bool:
    """Read whether a module's source has a class of this name with a base, or takes the name from a module that has."""
    tree, package = _parse(module)
    for node in _statements(tree):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return bool(node.bases)
        if isinstance(node, ast.ImportFrom) and steps:
            for alias in node.names:
                if alias.name == "*" and _has_class(_absolute(node, package), name, steps - 1):
                    return True
                if (alias.asname or alias.name) == name:
                    return _has_class(_absolute(node, package), alias.name, steps - 1)
    return False


def _absolute(node: ast.ImportFrom, package: str) -> str:
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])


def _parse(module: str) -> tuple[ast.Module, str]:
    """Parse a module's source; nothing where there is none, and its package."""
    spec = _find_spec(module)
    get_source = getattr(spec.loader, "get_source", None) if spec else None
    try:
        source = get_source(module) if get_source else None
        tree = ast.parse(source if source and len(source) <= _LONGEST_SOURCE else "")
    except (SyntaxError, ValueError, OSError, ImportError, RecursionError):
        tree = ast.parse("")
    is_package = spec is not None and spec.submodule_search_locations is not None
    return tree, module if is_package else module.rpartition(".")[0]


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what a module does when it is imported; not into classes and functions."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if isinstance(node, ast.If | ast.Try | ast.ExceptHandler | ast.With):
            yield from _statements(node)


def _find_spec(module: str) -> ModuleSpec | None:
    """Find a module as an import would, and import none of its packages."""
    search, spec, name = None, None, ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        loaded = sys.modules.get(name)
        finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
        spec = next((found for find in finders if find and (found := find(name, search)) is not None), None)
        if spec is None:
            return None
        search = getattr(loaded, "__path__", None) or spec.submodule_search_locations or []
    return spec
