"""Keys of stored objects as readers of Parquet may get them: as names, and never as patterns or settings.

DuckDB takes `*` for any name and what stands behind `?` for settings of its own, the address of the store among them: a name
alone would send signed requests to any host.
"""

import logging
from collections.abc import Callable, Iterable
from functools import cache

from shoal.contract.errors import ContractError, shown
from shoal.contract.units import counted

log = logging.getLogger(__name__)

SPECIAL = frozenset("*?[]{}#%\\")
"""What patterns and URLs read in their own way."""


def need_plain(key: str) -> str:
    """Give a key back that every reader takes as it is.

    Raises:
        ContractError: It has a character of a pattern or a URL, or a part `.` or `..`.
    """
    odd = sorted(SPECIAL.intersection(key) | {character for character in key if ord(character) < 0x20})
    if odd or not {".", ".."}.isdisjoint(key.split("/")):
        why = f"has {' '.join(map(shown, odd))} in its name" if odd else "has a part of dots"
        raise ContractError(
            f"Object {shown(key)!r} {why} and is not read: Shoal writes no such name - see who may write to the results bucket"
        )
    return key


def only_named(keys: Iterable[str], folder: str, is_named: Callable[[str], bool]) -> list[str]:
    """Leave out the objects of a folder that are not named as Shoal names what lies there; the log says so in one line.

    Args:
        keys: All of the folder.
        folder: Its key prefix.
        is_named: Judges a key.
    """
    named: list[str] = []
    others: list[str] = []
    for key in keys:
        (named if is_named(key) else others).append(key)
    if others:
        _say_passed_over(folder, len(others), others[0])
    return named


@cache  # a plan looks several times
def _say_passed_over(folder: str, count: int, first: str) -> None:
    log.warning(
        "Passed over below %s: %s that Shoal has not named, the first of them %s - nothing is read of them; see who may "
        "write to the results bucket, and delete them",
        folder,
        counted(count, "object"),
        shown(repr(first), 300),
    )
