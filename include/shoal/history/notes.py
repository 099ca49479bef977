"""Small objects of a run that many people look at: each version is read once, several at a time, and kept for all.

What is kept is what was understood: whoever may write to the bucket chooses how much JSON lies there.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from shoal.contract.errors import ContractError
from shoal.contract.stored_json import reading
from shoal.stores.listed import ListedObject
from shoal.stores.object_store import ObjectStore

log = logging.getLogger(__name__)

Understood = TypeVar("Understood")

MOST_KEPT = 10_000
"""Objects that are kept: a few hundred bytes each."""

MOST_LARGE = 12
"""Plans that are kept: of thousands of shards one takes tens of megabytes."""

MOST_MADE = 300
"""Answers that are kept, in a few facts each."""

AT_ONCE = 8
"""Requests at once."""


class Notes:
    """What was read, by bucket and key; thread-safe."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        """Nothing is read yet.

        Args:
            most: Objects that are kept, those that were asked for last.
        """
        self._most = most
        self._kept: OrderedDict[tuple[str, str], tuple[str, Any]] = OrderedDict()
        self._large: OrderedDict[tuple[str, str], tuple[str, Any]] = OrderedDict()
        self._made: OrderedDict[tuple[str, ...], Any] = OrderedDict()
        self._lock = threading.Lock()

    def understand(
        self, results: ObjectStore, listed: ListedObject, read: Callable[[ObjectStore, str], Understood]
    ) -> Understood:
        """Give what was understood of this version of a large object, or read it: a few of them are kept.

        Args:
            results: The results bucket.
            listed: The object, as a listing shows it.
            read: Reads it by its key, and raises what is wrong with it.
        """
        place = (f"{results.address}/{results.bucket}", listed.key)
        with self._lock:
            version, value = self._large.get(place, ("", None))
            if version and version == listed.object_version:
                self._large.move_to_end(place)
                return cast("Understood", value)
        made = read(results, listed.key)
        with self._lock:
            self._large[place] = (listed.object_version, made)
            self._large.move_to_end(place)
            while len(self._large) > MOST_LARGE:
                self._large.popitem(last=False)
        return made

    def once(self, results: ObjectStore, name: tuple[str, ...], make: Callable[[], Understood]) -> Understood:
        """Give what was made under a name that changes with what it is made of, or make it: a few hundred of them are kept.

        Args:
            results: The results bucket.
            name: Keys and hashes.
            make: Makes it; what it does not find is looked for again.
        """
        place = (f"{results.address}/{results.bucket}", *name)
        with self._lock:
            if place in self._made:
                self._made.move_to_end(place)
                return cast("Understood", self._made[place])
        made = make()
        if made is not None:
            with self._lock:
                self._made[place] = made
                while len(self._made) > MOST_MADE:
                    self._made.popitem(last=False)
        return made

    def read(
        self,
        results: ObjectStore,
        listed: Iterable[ListedObject],
        understand: Callable[[Mapping[str, Any]], Understood],
    ) -> Mapping[str, Understood]:
        """Read JSON objects by key; what is none of Shoal's, and what went meanwhile, is left out.

        Args:
            results: The results bucket.
            listed: What to read, as a listing shows it: what has the version of before is not asked for.
            understand: Makes of an object what is kept of it; objects of one name are always understood alike.

        Raises:
            StoreError: The store does not answer.
        """
        place = f"{results.address}/{results.bucket}"
        found: dict[str, Understood | None] = {}
        changed: list[ListedObject] = []
        with self._lock:
            for one in listed:
                version, value = self._kept.get((place, one.key), ("", None))
                if version == one.object_version and version:
                    self._kept.move_to_end((place, one.key))
                    found[one.key] = value
                else:
                    changed.append(one)
        if changed:
            with ThreadPoolExecutor(min(AT_ONCE, len(changed)), "notes") as readers:
                read = readers.map(lambda one: _find(results, one.key, understand), changed)
                found |= zip([one.key for one in changed], read, strict=True)
            self._keep(place, changed, found)
        return {key: value for key, value in found.items() if value is not None}

    def _keep(self, place: str, changed: Iterable[ListedObject], found: Mapping[str, Any]) -> None:
        with self._lock:
            for one in changed:
                # Read after it was listed, it may be a later version: then the next listing shows another, and it is read again.
                self._kept[place, one.key] = (one.object_version, found[one.key])
                self._kept.move_to_end((place, one.key))
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


def _find(results: ObjectStore, key: str, understand: Callable[[Mapping[str, Any]], Understood]) -> Understood | None:
    try:
        value = results.find_json(key)
        with reading(key, "delete it: it tells of one attempt, and no more"):
            return None if value is None else understand(value)
    except ContractError as err:
        log.warning("Passed over: %s", err)
        return None
