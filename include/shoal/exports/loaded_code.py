"""Which code runs: its release, and the hash of it, for whoever runs it between releases or from a checkout."""

import hashlib
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from shoal import LOADED_AT


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


def _find_code() -> list[str]:
    """List the files, without an object for each: seven hundred are looked at twice in every summary."""
    return sorted(
        f"{folder}/{name}" for folder, _, names in os.walk(_PACKAGE) for name in names if name.endswith(_ENDINGS)
    )


_PACKAGE = str(Path(__file__).parents[1])
_ENDINGS = (".py", ".sql", ".j2", ".js", ".css")


LOADED_CODE = _hash_code()
"""Taken when the code is loaded (20 ms): a checkout may be moved on under a task that runs."""


def is_code_as_loaded() -> bool:
    """Whether the code is still what it was; else SQL, templates and modules that are read late may be of another release.

    Of the whole package: a task is forked from a server that may have loaded some modules before this one.
    """
    untouched = all(Path(path).stat().st_ctime <= LOADED_AT for path in _find_code())
    return untouched and _hash_code() == LOADED_CODE
