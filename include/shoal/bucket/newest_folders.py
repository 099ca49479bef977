"""The newest folders of a bucket, by their names, and what is in each: a few requests, whatever the bucket holds.

Folders named by numbers and dates are taken by the last of them, and by the last but one where that may still be written to; of
others, cameras say, all are looked into. So it is seen where something came of late; what came elsewhere the night finds.
"""

import hashlib
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shoal.contract.errors import shown
from shoal.settings.source import Source
from shoal.stores.object_store import FolderLevel, ImageStore, ListedObject

MOST_LEVELS = 200
"""Folders that one look lists, those on the way to the newest too."""

PAGES_A_LEVEL = 10
"""Pages of one folder that a look reads: ten thousand objects. A larger one is read to its end once; its last key tells of it."""

MOST_PAGES = 10_000
"""Pages that are read then: ten million objects."""

MOST_SEEN = 200
"""Folders with images that are kept in mind."""

_LARGE = "last:"
"""Begins what is known of a large folder."""

_NUMBERED = re.compile(r"\d[\d_.T-]*")
"""A name of digits and what stands between them: 2026, 06, 2026-06-12."""

_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Look:
    """What a look at the newest folders saw.

    Attributes:
        folders: What each folder with images holds, as one word that changes when that does.
        leaves: Those that have no folders within and are listed in few pages.
        cut: The first folder that was not looked into, or not to its end; None where all were that are the newest.
    """

    folders: Mapping[str, str]
    leaves: tuple[str, ...]
    cut: str | None = None

    def describe(self) -> str:
        """Say what is not seen; empty where that is nothing."""
        if self.cut is None:
            return ""
        return (
            f"{shown(self.cut, 200)!r} is not looked into, or not to its end: a look lists {MOST_LEVELS} folders, and in "
            f"{MOST_SEEN} of them images - what comes there the next whole listing finds"
        )


def look_at_newest(
    bucket: ImageStore, source: Source, prefix: str, seen: Mapping[str, str] | None = None, *, to_end: bool = True
) -> Look:
    """List the newest folders.

    Args:
        bucket: The image bucket.
        source: What of it is an image.
        prefix: What they begin with.
        seen: What the look before saw: large folders are listed from there on.
        to_end: Whether those that it did not see are read to their end.

    Raises:
        ConfigError: No such bucket, or access denied.
        StoreError: The store does not answer.
    """
    folders: dict[str, str] = {}
    leaves: list[str] = []
    cut: str | None = None
    waiting, looked = deque([(prefix, True)]), 0
    while waiting:
        folder, is_newest = waiting.popleft()
        if looked == MOST_LEVELS or len(folders) == MOST_SEEN:
            cut = folder if cut is None else cut
            break
        before = (seen or {}).get(folder, "")
        last = before.removeprefix(_LARGE) if before.startswith(_LARGE) else ""
        level = bucket.look_into(folder, PAGES_A_LEVEL, last)
        looked += 1
        large = bool(last) or not level.is_whole
        if not level.is_whole and to_end:
            rest = bucket.look_into(folder, MOST_PAGES, level.objects[-1].key if level.objects else "")
            level = FolderLevel(level.folders, [*level.objects[-1:], *rest.objects], rest.is_whole)
        cut = folder if cut is None and not level.is_whole else cut
        images = [found for found in level.objects if source.ends_like_image(found.key)]
        if large and (images or last):
            folders[folder] = _LARGE + (images[-1].key if images else last)
        elif images:
            folders[folder] = _word_of(images)
            leaves += [] if level.folders else [folder]
        waiting.extend(choose_newest(level, is_newest=is_newest))
    return Look(folders, tuple(leaves), cut)


def choose_newest(level: FolderLevel, *, is_newest: bool) -> list[tuple[str, bool]]:
    """Choose the folders of a level that are looked into, the newest first, each with whether it is the newest so far.

    Args:
        level: Its folders.
        is_newest: Whether the level itself lies in the newest of all levels above.
    """
    ordered = sorted(level.folders, key=_natural, reverse=True)
    numbered = [folder for folder in ordered if _NUMBERED.fullmatch(_name(folder))]
    named = [(folder, is_newest) for folder in ordered if folder not in set(numbered)]
    return [(folder, is_newest and n == 0) for n, folder in enumerate(numbered[: 1 + is_newest])] + named


def find_changed(seen: Mapping[str, str] | None, found: Mapping[str, str]) -> list[str]:
    """Name folders that hold something else than at the last look, or are new; what lay there at the very first is no news.

    A folder that is not looked into any more is no news either: there is a newer one.
    """
    if seen is None:
        return []
    return sorted(folder for folder, word in found.items() if seen.get(folder) != word)


def _word_of(objects: Iterable[ListedObject]) -> str:
    digest = hashlib.sha256()
    for found in objects:
        digest.update(f"{found.key}\0{found.object_version}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def _name(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[2]


def _natural(folder: str) -> list[tuple[int, int, str]]:
    """Order names as people count: 9 before 10."""
    return [(1, int(part), "") if part.isdigit() and part.isascii() else (0, 0, part) for part in _DIGITS.split(folder)]
