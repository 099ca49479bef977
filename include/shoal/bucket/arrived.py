"""Which parts of a bucket have something new: folders, as events name them and a plan lists them anew; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from shoal.contract.errors import shown
from shoal.contract.units import counted

MOST_FOLDERS = 100
"""More folders than these are not told one by one: the whole bucket is listed."""

MOST_KEY = 1024
"""Bytes that a key has at most, in any store."""


@dataclass(frozen=True)
class Arrived:
    """Folders of a dataset in which something came, was written anew or went: a nudge, nothing is counted by it.

    Attributes:
        folders: Prefixes of keys that end with a slash, sorted, none within another; none where the whole is meant.
        whole: Whether everything below the dataset's prefix is meant.
    """

    folders: tuple[str, ...] = ()
    whole: bool = False

    @classmethod
    def of(cls, prefix: str, folders: Iterable[str], *, whole: bool = False) -> "Arrived":
        """Put folders in order.

        Args:
            prefix: The dataset's: what does not begin so is another's, and is left out.
            folders: Of which some may lie within others, or be named twice.
            whole: Whether everything is meant anyway.
        """
        kept: list[str] = []
        for folder in sorted({max(folder, prefix, key=len) for folder in folders if _may_lie_below(folder, prefix)}):
            if not kept or not folder.startswith(kept[-1]):
                kept.append(folder)
        if whole or len(kept) > MOST_FOLDERS or prefix in kept:
            return cls(whole=True)
        return cls(tuple(kept))

    @classmethod
    def read(cls, prefix: str, told: Any) -> "Arrived":
        """Read what an event says, which anybody may have written who may write to Airflow: what is no such thing names all."""
        folders = told.get("folders") if isinstance(told, dict) else None
        if not isinstance(folders, list) or not all(isinstance(one, str) and len(one) <= MOST_KEY for one in folders):
            return cls(whole=True)
        return cls.of(prefix, folders, whole=told.get("whole", False) is not False)

    def joined(self, prefix: str, other: "Arrived") -> "Arrived":
        """Join two of one dataset."""
        return Arrived.of(prefix, (*self.folders, *other.folders), whole=self.whole or other.whole)

    def to_json(self) -> dict[str, Any]:
        """Write what an event says."""
        return {"folders": list(self.folders), "whole": self.whole}

    def describe(self) -> str:
        """Name them for people: some of them, where there are many."""
        if self.whole:
            return "the whole bucket"
        names = ", ".join(shown(folder, 80) for folder in self.folders[:3])
        more = ", …" if len(self.folders) > 3 else ""
        return f"{counted(len(self.folders), 'folder')} ({names}{more})"


def folder_of(key: str) -> str:
    """Name the folder that a key lies in; empty for one beside all folders."""
    return key[: key.rfind("/") + 1]


def _may_lie_below(folder: str, prefix: str) -> bool:
    """Whether a folder lies below a prefix, or holds what does: `cam/` of `cam/a` does."""
    return folder.startswith(prefix) or prefix.startswith(folder)
