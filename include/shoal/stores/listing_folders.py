"""Where a listing is cut so that its parts are listed side by side: at folders, as a delimiter shows them.

Every key below a prefix lies beside its folders or in one of them, whatever the order of a store. So parts lose nothing where a
store knows the delimiter, and what a store answered before is held against what it says of folders.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from shoal.contract.errors import ShoalError
from shoal.stores.images import NOT_TEXT
from shoal.stores.listed import ListedObject
from shoal.stores.s3_listing import ListingPage

DELIMITER = "/"

HELD_PAGES = 4
"""So many pages of a prefix are looked at before it is left as it is."""

FOLDERS_A_PAGE = 2
"""More folders to a page are not listed each by itself: every one of them costs a request."""

LOOK_PAGES = 2
"""Pages of folders that are asked for, at most: 2,000 of them."""

DEEPEST = 16
"""Levels that hold one folder and nothing else, gone down in one look."""

OpenPages = Callable[[str, str], Iterator[ListingPage]]
"""Lists what is below a prefix, cut at a delimiter or (empty) not, in pages."""

Part = str | list[ListedObject]
"""A folder, or keys that lie between two."""


@dataclass
class Shown:
    """What the first pages below a prefix showed.

    Attributes:
        prefix: The prefix.
        keys: All keys.
        pages: How many pages these were.
    """

    prefix: str
    keys: list[str] = field(default_factory=list)
    pages: int = 0

    def add(self, page: ListingPage) -> None:
        """Add a page."""
        self.keys.extend(found.key for found in page.objects)
        self.pages += 1

    @property
    def are_enough(self) -> bool:
        """Whether no further page changes what is done."""
        return self.pages >= HELD_PAGES

    def speak_for_folders(self, prefix: str) -> bool:
        """Whether folders below `prefix` are large enough for a request each, so far as the pages tell."""
        names = [_name(key, prefix) for key in self.keys]
        folders = {name for name in names if name.endswith(DELIMITER)}
        within = sum(name.endswith(DELIMITER) for name in names)
        return 2 * within > len(names) and len(folders) <= FOLDERS_A_PAGE * self.pages


def find_parts(open_pages: OpenPages, shown: Shown) -> list[Part] | None:
    """Find the parts of a listing, in the order of their keys; None where it is better, or safer, listed as it is.

    Args:
        open_pages: Lists the store.
        shown: What the listing's first pages showed.
    """
    prefix = shown.prefix
    try:
        for _ in range(DEEPEST):
            if not shown.speak_for_folders(prefix):
                return None
            level = _read_level(open_pages, prefix)
            if level is None or not _holds(level, prefix, shown.keys):
                return None
            if len(level) > 1 or not isinstance(level[0], str):
                return level
            prefix = level[0]
    except ShoalError:  # who may not ask for folders may list all the same
        return None
    return None


def _read_level(open_pages: OpenPages, prefix: str) -> list[Part] | None:
    """Read folders and the keys beside them; None where there are too many, or they cannot be relied on."""
    folders: set[str] = set()
    beside: list[ListedObject] = []
    pages, is_whole = open_pages(prefix, DELIMITER), False
    for _, page in zip(range(LOOK_PAGES), pages, strict=False):
        folders.update(page.folders)
        beside += page.objects
        is_whole = page.next_token is None
        if is_whole or not folders:
            break
    if not is_whole or not folders:
        return None
    if any(_name(folder, prefix) != folder[len(prefix) :] or NOT_TEXT.search(folder) for folder in folders):
        return None
    # A store that passes over the delimiter shows all keys, and may show folders besides.
    if any(_name(found.key, prefix).endswith(DELIMITER) for found in beside):
        return None
    if not all(name.startswith(prefix) for name in (*folders, *(found.key for found in beside))):
        return None
    return _in_order(folders, beside)


def _in_order(folders: set[str], beside: list[ListedObject]) -> list[Part]:
    """Put folders among keys: all that lies in `a/` stands where `a/` itself would, behind `a-b` and before `a0`."""
    parts: list[Part] = []
    named = sorted(
        [*((folder, None) for folder in folders), *((one.key, one) for one in beside)], key=lambda one: one[0]
    )
    for name, found in named:
        if found is None:
            parts.append(name)
        elif parts and isinstance(parts[-1], list):
            parts[-1].append(found)
        else:
            parts.append([found])
    return parts


def _holds(level: list[Part], prefix: str, keys: list[str]) -> bool:
    """Whether all that was listed before is there: what is not was lost by the store, or by somebody meanwhile."""
    there = {part for part in level if isinstance(part, str)}
    there.update(found.key for part in level if not isinstance(part, str) for found in part)
    return all(prefix + _name(key, prefix) in there for key in keys)


def _name(key: str, prefix: str) -> str:
    """Keep of a key what stands behind a prefix, up to the next delimiter and with it."""
    place = key.find(DELIMITER, len(prefix))
    return key[len(prefix) :] if place < 0 else key[len(prefix) : place + 1]
