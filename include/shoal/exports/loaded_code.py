"""Which code runs: its release, and the hash of it, for whoever runs it between releases or from a checkout."""

import hashlib
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from shoal import LOADED_AT


class _Looks(NamedTuple):
    """What of a file becomes another with its content: who writes it moves the last, whatever else he sets back."""

    inode: int
    size: int
    changed_ns: int


def release() -> str:
    """Tell the release that is installed; empty where it is a checkout on the path: its code says which one it is."""
    try:
        return version("shoal")
    except PackageNotFoundError:
        return ""


def _hash_code() -> str:
    """Hash everything that is executed or rendered, wherever it lies: what decides a number is not told apart from the rest."""
    digest = hashlib.sha256()
    for path in _find_code():
        digest.update(f"{path[len(_PACKAGE) :]}\0".encode() + Path(path).read_bytes() + b"\0")
    return digest.hexdigest()


def _look_at_code() -> dict[str, _Looks]:
    """Look at the files without reading them: seven hundred are looked at three times in every summary."""
    return {path: _look_at(path) for path in _find_code()}


def _look_at(path: str) -> _Looks:
    """Look at an opened file: of another that was looked at lately, a shared file system may tell what was."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.fstat(file)
    finally:
        os.close(file)
    return _Looks(found.st_ino, found.st_size, found.st_ctime_ns)


def _find_code() -> list[str]:
    """List the files, without an object for each."""
    return sorted(
        f"{folder}/{name}" for folder, _, names in os.walk(_PACKAGE) for name in names if name.endswith(_ENDINGS)
    )


_PACKAGE = str(Path(__file__).parents[1])
_ENDINGS = (".py", ".sql", ".j2", ".js", ".css")


_LOADED_LOOKS = _look_at_code()
LOADED_CODE = _hash_code()
"""Taken when the code is loaded (20 ms): a checkout may be moved on under a task that runs."""


def is_code_as_loaded() -> bool:
    """Whether the code is still what it was; else SQL, templates and modules that are read late may be of another release.

    Of the whole package: a task is forked from a server that may have loaded some modules before this one.
    """
    now = _look_at_code()
    return now == _LOADED_LOOKS and all(looks.changed_ns <= LOADED_AT * 1e9 for looks in now.values())
