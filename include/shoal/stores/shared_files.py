"""Objects named by their content, which several runs name: written once, and never taken from a run that is about to name them.

Whoever is about to name one that lies there already writes it again (same name, same bytes) where it may be gone by then, by the
rule of `contract.sharing`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shoal.contract.sharing import may_be_taken
from shoal.stores.listed import ListedObject
from shoal.stores.object_store import ObjectStore


@dataclass(frozen=True)
class SharedFiles:
    """What lies below a prefix of objects that are named by their content, as it was before anything was written.

    Attributes:
        results: The results bucket.
        present: What lies there, by key.
        now: When that was looked at, by the store's clock.
        kept: Keys that a run names which is kept, whatever their age.
    """

    results: ObjectStore
    present: Mapping[str, ListedObject]
    now: datetime
    kept: Collection[str] = frozenset()

    @classmethod
    def look(cls, results: ObjectStore, prefix: str, kept: Collection[str] = frozenset()) -> "SharedFiles":
        """List what lies below a prefix.

        Args:
            results: The results bucket.
            prefix: Of the objects.
            kept: Keys that a run names which is kept; read in the same step.
        """
        now = results.read_clock()
        return cls(results, {found.key: found for found in results.list_objects(prefix)}, now, kept)

    def has(self, key: str, size_bytes: int | None) -> bool:
        """Whether an object of this size lies there; of any size where that is not known."""
        found = self.present.get(key)
        return found is not None and size_bytes in {None, found.size_bytes}

    def put(self, path: Path, key: str, content_type: str = "application/vnd.apache.parquet") -> bool:
        """Write a file where it does not lie there, or may not lie there much longer; return whether it was written."""
        if self.has(key, path.stat().st_size) and (
            key in self.kept or not may_be_taken(self.present[key].last_modified, self.now)
        ):
            return False
        self.results.upload(path, key, content_type)
        return True
