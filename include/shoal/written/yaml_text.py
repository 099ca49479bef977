"""YAML that somebody else may have written: measured before anything is made of it.

A text of one kilobyte may stand for billions of values by its aliases, and whoever walks them never ends. So a text is read
twice: as events, which cost what the text costs, then as values.
"""

from collections.abc import Hashable
from typing import Any, BinaryIO

import yaml

from shoal.contract.errors import ConfigError, shown

MOST_BYTES = 1000**2
MOST_VALUES = 100_000
MOST_DEPTH = 50

_LONGEST_NUMBER = 100
"""Characters of one: Python refuses to write, or to make, those of thousands."""

_STANDARD = "tag:yaml.org,2002:"
_NUMBERS = (f"{_STANDARD}int", f"{_STANDARD}float")

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_PARSER):  # type: ignore[misc, valid-type]
    """Safe values, and each name once: of two the last one would be taken without a word."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._looked_at: dict[int, yaml.MappingNode] = {}

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Make a value; what stands behind a tag that it does not fit ends PyYAML in whatever error comes first."""
        line = node.start_mark.line + 1
        if node.tag in _NUMBERS and isinstance(node, yaml.ScalarNode) and len(node.value) > _LONGEST_NUMBER:
            raise ConfigError(
                f"the number in line {line} has {len(node.value)} digits, up to {_LONGEST_NUMBER} are read"
            )
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, ConfigError, RecursionError):
            raise
        except Exception as err:  # KeyError of !!bool, IndexError of !!int, AttributeError of !!timestamp, …
            why = f" ({shown(str(err), 60)})" if isinstance(err, ValueError) else ""
            tag = shown(node.tag.removeprefix(_STANDARD), 60)
            raise ConfigError(
                f"{_text(node)} in line {line} is no {tag}{why} - correct it, or put a text in quotes and leave tags out"
            ) from err

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Look at the names as they were written: what `<<` merges stands before them afterwards."""
        if id(node) not in self._looked_at:
            self._looked_at[id(node)] = node  # kept, so that no other node gets its id
            self._need_each_once(node)
        super().flatten_mapping(node)

    def _need_each_once(self, node: yaml.MappingNode) -> None:
        """Compare names as they are written, and as what they mean: 1, 01 and 1.0 are one."""
        written: dict[str, int] = {}
        meant: dict[Any, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != f"{_STANDARD}merge":
                line, value = key.start_mark.line + 1, self.construct_object(key)
                value = value if isinstance(value, Hashable) else key.value  # PyYAML refuses it in a moment
                before = written.get(key.value) or meant.get(value)
                if before:
                    raise ConfigError(
                        f"{shown(key.value, 60)} stands twice in one mapping, in lines {before} and {line} - keep one"
                    )
                written[key.value] = meant[value] = line


def _text(node: yaml.Node) -> str:
    return repr(shown(node.value, 60)) if isinstance(node, yaml.ScalarNode) else "what stands"


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
