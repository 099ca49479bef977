"""How many entries the directories of a bucket have: what opening one file through a mount lists into memory, in every pod."""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from shoal.contract.errors import ConfigError

MOUNTABLE_FAN_OUT = 50_000
"""Above this many entries in one directory a mount is refused."""


class LargestDirectory(NamedTuple):
    """The directory with the most entries; `("", 0)` where nothing was counted."""

    name: str
    entries: int

    def check(self) -> None:
        """Refuse a mount where one directory holds too much.

        Raises:
            ConfigError: A directory has more than MOUNTABLE_FAN_OUT entries.
        """
        if self.entries > MOUNTABLE_FAN_OUT:
            raise ConfigError(
                f"Directory {self.name!r} holds {self.entries} objects and folders, a mount takes {MOUNTABLE_FAN_OUT}: every pod "
                "would list all of them before its first image - set cluster.pod.transfer: direct, or sort them into folders"
            )


class FanOut:
    """Counts the entries of every directory: objects of any kind, and folders.

    Keys come in listing order, so all keys below one directory follow each other and only those on the way to the present key
    are held. A listing that ends early, by a run's `limit`, may leave the last directory to `finish`. Of several directories that
    are the largest the first by name is told, in whatever order a store lists.
    """

    def __init__(self) -> None:
        self.largest = LargestDirectory("", 0)
        self._folder = ""
        self._names: list[str] = []
        self._counts = [0]

    def add(self, key: str) -> None:
        """Count one listed key."""
        folder = key[: key.rfind("/") + 1]
        if folder != self._folder:
            self._enter(folder)
        self._counts[-1] += 1
        if self._counts[-1] >= self.largest[1]:
            self._compare(folder, self._counts[-1])

    def finish(self, keys: Iterable[str]) -> None:
        """Count what else the last key's directory holds.

        Args:
            keys: The keys that a listing goes on with; no more are taken than tell whether a mount is refused.
        """
        folder = self._folder
        for key in islice(keys, MOUNTABLE_FAN_OUT):
            if not key.startswith(folder):
                return
            self.add(key)

    def _enter(self, folder: str) -> None:
        names = folder.split("/")[:-1]
        shared = 0
        while shared < min(len(names), len(self._names)) and names[shared] == self._names[shared]:
            shared += 1
        del self._names[shared:], self._counts[shared + 1 :]
        for name in names[shared:]:
            self._counts[-1] += 1
            parent = "".join(f"{each}/" for each in self._names)
            self._compare(parent, self._counts[-1])
            self._names.append(name)
            self._counts.append(0)
        self._folder = folder

    def _compare(self, name: str, entries: int) -> None:
        if entries > self.largest.entries or (entries == self.largest.entries and name < self.largest.name):
            self.largest = LargestDirectory(name, entries)
