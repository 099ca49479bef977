"""Objects named by their content, which several runs name: written once, and never taken from a run that is about to name them.

`gc` lets such an object go when no kept run names it and it is older than `WRITTEN_WITHIN`, by the store's clock. So whoever is
about to name one that lies there already writes it again (same name, same bytes) once half of that time has passed, unless a run
that is kept names it: then it stays anyway.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from shoal.stores.object_store import ListedObject, ObjectStore

WRITTEN_WITHIN = timedelta(days=1)
"""What is younger may be about to be named: files are written before the object that names them."""


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
        if self.has(key, path.stat().st_size) and (key in self.kept or self._is_young(self.present[key])):
            return False
        self.results.upload(path, key, content_type)
        return True

    def _is_young(self, found: ListedObject) -> bool:
        return self.now - found.last_modified < WRITTEN_WITHIN / 2
