"""Tables of what there is name their entries by import path: nothing is imported that is not used."""

from importlib import import_module
from typing import Any


def load(path: str) -> Any:
    """Import what a path `package.module:name` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
