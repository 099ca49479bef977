"""The newest folders of a bucket, by their names, and what is in each: a few requests, whatever the bucket holds.

Folders named by numbers and dates are taken by the last of them, and by the last but one where that may still be written to; of
others, cameras say, all are looked into. So it is seen where something came of late; what came elsewhere the night finds.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shoal.settings.source import Source
from shoal.stores.listed import FolderLevel, ListedObject
from shoal.stores.object_store import ImageStore

MOST_LEVELS = 200
"""Folders that one look lists, those on the way to the newest too."""

PAGES_A_LEVEL = 10
"""Pages of one folder that a look reads: ten thousand objects. A larger one is read to its end once, and from a key on then."""

MOST_PAGES = 10_000
"""Pages that are read then: ten million objects."""

MOST_SEEN = 1000
"""Folders with images that are kept in mind."""

Place = tuple[str, bool]
"""A folder that is to be looked into, and whether it is the newest of all levels above."""

_LARGE = re.compile(r"last:([0-9a-f]{16})?:(.*)", re.DOTALL)
"""What is known of a large folder: one word for its images, none where it has none, and the key from which on it is listed."""

_NUMBERED = re.compile(r"\d[\d_.T-]*")
"""A name of digits and what stands between them: 2026, 06, 2026-06-12."""

_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Look:
    """What a look at the newest folders saw.

    Attributes:
        folders: What each folder with images holds, as one word that changes when that does; of large ones, which may have none,
            with the last key.
        leaves: Those that have no folders within and are listed in few pages.
        waiting: Folders that it left, in the order in which they are to be looked into.
        unended: The first folder that was not read to its end; None where all were.
    """

    folders: Mapping[str, str]
    leaves: tuple[str, ...]
    waiting: tuple[Place, ...] = ()
    unended: str | None = None


class _Read(NamedTuple):
    """A level as far as it is read, its word, whether it is large, and whether it has an end."""

    level: FolderLevel
    word: str
    is_large: bool
    is_ended: bool


def look_at_newest(
    bucket: ImageStore,
    source: Source,
    waiting: Sequence[Place],
    seen: Mapping[str, str] | None = None,
    *,
    room: int = MOST_SEEN,
    to_end: bool = True,
) -> Look:
    """List the newest folders, one camera after the other, so that what is listed on the way to one is not in vain.

    Args:
        bucket: The image bucket.
        source: What of it is an image.
        waiting: Where to look: `begin_at` a prefix, or what another look left.
        seen: What looks before saw: large folders are listed from there on.
        room: Most folders with images.
        to_end: Whether large ones that it did not see are read to their end.

    Raises:
        ConfigError: No such bucket, or access denied.
        StoreError: The store does not answer.
    """
    known = seen or {}
    folders: dict[str, str] = {}
    leaves: list[str] = []
    unended: str | None = None
    stack, looked = [*reversed(waiting)], 0
    while stack and looked < MOST_LEVELS and len(folders) < room:
        folder, is_newest = stack.pop()
        read = _read_level(bucket, source, folder, known, to_end=to_end)
        looked += 1
        unended = folder if unended is None and not read.is_ended else unended
        if read.word:
            folders[folder] = read.word
            leaves += [] if read.level.folders or read.is_large else [folder]
        stack.extend(reversed(choose_newest(read.level, is_newest=is_newest)))
    return Look(folders, tuple(leaves), tuple(reversed(stack)), unended)


def begin_at(prefix: str) -> tuple[Place, ...]:
    """Say where a look at all of a prefix begins."""
    return ((prefix, True),)


def _read_level(bucket: ImageStore, source: Source, folder: str, known: Mapping[str, str], *, to_end: bool) -> _Read:
    large = _LARGE.fullmatch(known.get(folder, ""))
    word, last = (large[1] or "", large[2]) if large else ("", "")
    level = bucket.look_into(folder, PAGES_A_LEVEL, last)
    is_large, is_ended = large is not None or not level.is_whole, True
    # What follows was read once, but for images that came since, which lie close together.
    goes_on = large is None or (bool(level.objects) and source.ends_like_image(level.objects[-1].key))
    if not level.is_whole and to_end and goes_on:
        rest = bucket.look_into(folder, MOST_PAGES, level.objects[-1].key if level.objects else last)
        level, is_ended = _joined(level, rest), rest.is_whole
    if last and not level.has_folders_before:
        level = _with_folders(bucket, folder, level, known)
    images = [found for found in level.objects if source.ends_like_image(found.key)]
    if images:
        word, last = _word_of(images, word), images[-1].key
    elif not word and level.objects:  # logs, say: images are looked for after them
        last = level.objects[-1].key
    return _Read(level, f"last:{word}:{last}" if is_large and last else word, is_large, is_ended)


def _joined(first: FolderLevel, rest: FolderLevel) -> FolderLevel:
    folders = dict.fromkeys((*first.folders, *rest.folders))
    return FolderLevel(tuple(folders), [*first.objects, *rest.objects], rest.is_whole, first.has_folders_before)


def _with_folders(bucket: ImageStore, folder: str, level: FolderLevel, known: Mapping[str, str]) -> FolderLevel:
    """Add folders that sort before the key from which on a level was listed: the known ones, and what follows the newest day."""
    below = {key[: key.index("/", len(folder)) + 1] for key in known if key != folder and key.startswith(folder)}
    newest = max(filter(_is_numbered, below), key=_natural, default="")
    newer = bucket.look_into(folder, 1, newest)
    folders = dict.fromkeys((*sorted(below), *newer.folders, *level.folders))
    return FolderLevel(tuple(folders), level.objects, level.is_whole)


def choose_newest(level: FolderLevel, *, is_newest: bool) -> list[Place]:
    """Choose the folders of a level that are looked into, the newest first, each with whether it is the newest so far.

    Args:
        level: Its folders.
        is_newest: Whether the level itself lies in the newest of all levels above.
    """
    ordered = sorted(level.folders, key=_natural, reverse=True)
    numbered = [folder for folder in ordered if _is_numbered(folder)]
    named = [(folder, is_newest) for folder in ordered if folder not in set(numbered)]
    return [(folder, is_newest and n == 0) for n, folder in enumerate(numbered[: 1 + is_newest])] + named


def find_changed(seen: Mapping[str, str] | None, found: Mapping[str, str]) -> list[str]:
    """Name folders that hold other images than at the last look, or are new; what lay there at the very first is no news.

    A folder that is not looked into any more is no news either: there is a newer one.
    """
    if seen is None:
        return []
    told = ((folder, _of_images(word)) for folder, word in found.items())
    return sorted(folder for folder, word in told if word not in {"", _of_images(seen.get(folder, ""))})


def _of_images(word: str) -> str:
    large = _LARGE.fullmatch(word)
    return (large[1] or "") if large else word


def _word_of(objects: Iterable[ListedObject], before: str = "") -> str:
    digest = hashlib.sha256(before.encode())
    for found in objects:
        digest.update(f"{found.key}\0{found.object_version}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def _is_numbered(folder: str) -> bool:
    return _NUMBERED.fullmatch(folder.rstrip("/").rpartition("/")[2]) is not None


def _natural(folder: str) -> list[tuple[int, int, str]]:
    """Order names as people count: 9 before 10."""
    return [(1, int(part), "") if part.isdigit() and part.isascii() else (0, 0, part) for part in _DIGITS.split(folder)]
