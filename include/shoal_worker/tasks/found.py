"""What a model's family hands on, whatever the task."""

from collections.abc import Sequence
from typing import Any, Protocol


class Found(Protocol):
    """What one image shows."""

    def to_columns(self) -> dict[str, Any]:
        """Fill the row's columns that are the task's (`shoal.contract.tasks`)."""
        ...

    def describe(self, names: Sequence[str]) -> dict[str, Any]:
        """Write it for people, with the names of the model's classes."""
        ...
