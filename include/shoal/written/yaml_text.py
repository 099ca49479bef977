"""YAML that somebody else may have written: measured before anything is made of it.

A text of one kilobyte may stand for billions of values by its aliases, and whoever walks them never ends. So a text is read
twice: as events, which cost what the text costs, then as values.
"""

from typing import Any, BinaryIO

import yaml

from shoal.contract.errors import ConfigError, shown

MOST_BYTES = 1000**2
MOST_VALUES = 100_000
MOST_DEPTH = 50

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_PARSER):  # type: ignore[misc, valid-type]
    """Safe values, and each name once: of two the last one would be taken without a word."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._looked_at: dict[int, yaml.MappingNode] = {}

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Look at the names as they were written: what `<<` merges stands before them afterwards."""
        if id(node) not in self._looked_at:
            self._looked_at[id(node)] = node  # kept, so that no other node gets its id
            _need_each_once(node)
        super().flatten_mapping(node)


def _need_each_once(node: yaml.MappingNode) -> None:
    seen: dict[Any, int] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            line = key.start_mark.line + 1
            if key.value in seen:
                raise ConfigError(
                    f"{shown(key.value, 60)} stands twice in one mapping, in lines {seen[key.value]} and {line} - keep one"
                )
            seen[key.value] = line


def read_yaml(file: BinaryIO, shorten: str = "") -> Any:
    """Read a YAML document of bounded size.

    Args:
        file: At its beginning; no more is read than may be.
        shorten: How one that is too long is made shorter.

    Returns:
        Its value; None for an empty one.

    Raises:
        ConfigError: It is larger than anybody's by hand, or says a name twice.
        ValueError, RecursionError, yaml.YAMLError: It is no UTF-8 or no YAML.
    """
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ConfigError(f"it has more than {MOST_BYTES} bytes{shorten and f' - {shorten}'}")
    text = data.decode("utf-8-sig")
    _measure(text)
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from a safe one


def _measure(text: str) -> None:
    """Count the values a text stands for, each alias as all it repeats.

    Raises:
        ConfigError: There are too many, or one in another in another.
    """
    sizes: dict[str | None, int] = {}
    # Of each value that is open: its anchor, and how many values there were before it.
    open_values: list[tuple[str | None, int]] = []
    values = 0
    for event in yaml.parse(text, Loader=_PARSER):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ConfigError(f"*{shown(str(event.anchor), 60)} in line {line} repeats what it lies in, or nothing")
            values += sizes[event.anchor]
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_values.pop()
            sizes[anchor] = values - before
        elif isinstance(event, yaml.NodeEvent):
            if isinstance(event, yaml.CollectionStartEvent):
                open_values.append((event.anchor, values))
                sizes.pop(event.anchor, None)  # until its end it may not be repeated
            else:
                sizes[event.anchor] = 1
            values += 1
        _need_bounds(values, len(open_values), line)


def _need_bounds(values: int, depth: int, line: int) -> None:
    if depth > MOST_DEPTH:
        raise ConfigError(f"in line {line} more than {MOST_DEPTH} values lie in each other")
    if values > MOST_VALUES:
        raise ConfigError(
            f"it stands for more than {MOST_VALUES} values, from line {line} on - what & and * repeat counts each time"
        )
