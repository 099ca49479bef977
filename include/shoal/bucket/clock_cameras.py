"""Where in keys of one convention the camera's name stands, told by what stays the same in many of them."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from shoal.bucket.clock_shapes import Found, literal

_CAMERA = re.compile(r"(?:cam|camera|camara|kamera|ipc)[-_ ]?[a-z]?\d+[a-z]?", re.IGNORECASE)
"""A camera's name, also where it is the only one."""

_KINDS = re.compile(
    r"(?:_?img|_?dsc[nf]?|dji|pxl|mvimg|photo|image|imag|pict?|snap(?:shot)?|capture|screenshot|frame|vid(?:eo)?|burst|pano|"
    r"motion|time-?lapse|gopr?|g[hx]|rcnx|sunp|mfdc|dcim|jpe?g|png|raw|alarm|mdalarm|hmdalarm|cover|portrait|edited|effects|hdr|"
    r"copy(?: of)?|thumb(?:nail)?s?|original|small|large|day|night|whatsapp image|signal|images?|photos|pictures)[-_ ]?\d*",
    re.IGNORECASE,
)
"""What kind of picture it is, and no camera."""

_NO_FOLDER = re.compile(r"\d{3}[A-Z0-9_]{5}|.*(?:19|20)\d\d[-_.]?\d\d.*|[\d\W_]+", re.IGNORECASE)
"""Folders that cameras make, and those of days."""

_ENDING = re.compile(r"\.[^./]*$")
_SEPARATOR = re.compile(r"[-_. @#]{1,2}")
_TOKEN, _BETWEEN = r"[^-_. /]+", r"[-_. ]"
SEEN_TWICE = 2
MOST_SHARE = 5
"""Cameras are fewer than a fifth of the images."""


@dataclass(frozen=True)
class Place:
    """Where the camera stands.

    Attributes:
        before: Expression in front of the time, from the beginning of the name or key.
        behind: Expression behind it.
        names: The cameras that were seen.
    """

    before: str
    behind: str
    names: tuple[str, ...]


_Read = Callable[[str, Found], str | None]


def find_place(found: Sequence[tuple[str, Found]]) -> Place | None:
    """Find the place of the camera in keys of one shape of time; None where none is sure.

    Args:
        found: Keys, and where the time stands in each.
    """
    key, first = found[0]
    for before, behind, read in _places(key, first):
        names = [read(key, one) for key, one in found]
        folder = "[^/]+)/" in before
        letters = folder or before.startswith(r"^(?P<camera>[^/]+?)")
        if all(names) and _are_cameras([name or "" for name in names], folder=folder, letters=letters):
            return Place(before, behind, tuple(sorted({name or "" for name in names})))
    return None


def find_folder(keys: Sequence[str]) -> str | None:
    """Write a pattern that takes the camera from a folder and no time; None where no level of folders is sure to be cameras.

    Args:
        keys: Keys whose time is told by EXIF.
    """
    for level in range(1, 1 + max((key.count("/") for key in keys), default=0)):
        names = [folders[-level] for key in keys if len(folders := key.split("/")[:-1]) >= level]
        if len(names) == len(keys) and _are_cameras(names, folder=True, letters=True):
            return rf"(?P<time>)(?P<camera>[^/]+)/{r'[^/]+/' * (level - 1)}[^/]*$"
    return None


def _places(key: str, found: Found) -> Iterator[tuple[str, str, _Read]]:
    """Name the places to look at, by an example of the keys: nearest to the time first, folders last."""
    name = key.rfind("/") + 1
    tail = _ENDING.sub("", key[found.end :])
    head = key[name : found.start] if found.start >= name else ""
    if separator := _SEPARATOR.match(tail):
        yield "", literal(separator[0]) + r"(?P<camera>[^/]+?)(?:\.[^./]*)?$", _tail(separator[0], whole=True)
        yield "", literal(separator[0]) + rf"(?P<camera>{_TOKEN})(?:{_BETWEEN}|$)", _tail(separator[0], whole=False)
    if separator := re.search(rf"{_SEPARATOR.pattern}$", head):
        yield rf"^(?P<camera>[^/]+?){literal(separator[0])}", "", _head(separator[0], whole=True)
        yield rf"(?P<camera>{_TOKEN}){literal(separator[0])}", "", _head(separator[0], whole=False)
        yield rf"^(?P<camera>{_TOKEN}){_BETWEEN}(?:[^/]*{_BETWEEN})?", "", _first_of_head
    for level in range(1, 1 + key.count("/", 0, min(name, found.start))):
        # [^0-9/] and not \D, which would take a / as well, and with it the folder above for the camera.
        yield rf"(?P<camera>[^/]+)/{r'[^/]+/' * (level - 1)}(?:[^/]*[^0-9/])?", r"(?:[^0-9/][^/]*)?$", _folder(level)


def _tail(separator: str, *, whole: bool) -> _Read:
    def read(key: str, found: Found) -> str | None:
        tail = key[found.end :]
        if not tail.startswith(separator):
            return None
        rest = _ENDING.sub("", tail.removeprefix(separator))
        return rest if whole else re.split(_BETWEEN, rest)[0]

    return read


def _head(separator: str, *, whole: bool) -> _Read:
    def read(key: str, found: Found) -> str | None:
        head = key[key.rfind("/") + 1 : found.start]
        if not head.endswith(separator):
            return None
        rest = head.removesuffix(separator)
        return rest if whole else re.split(_BETWEEN, rest)[-1]

    return read


def _first_of_head(key: str, found: Found) -> str | None:
    head = re.split(_BETWEEN, key[key.rfind("/") + 1 : found.start])
    return head[0] if len(head) > 1 else None


def _folder(level: int) -> _Read:
    def read(key: str, found: Found) -> str | None:
        folders = key[: min(key.rfind("/") + 1, found.start)].split("/")[:-1]
        return folders[-level] if len(folders) >= level else None

    return read


def _are_cameras(names: Sequence[str], *, folder: bool, letters: bool) -> bool:
    counts = Counter(names)
    if all(_CAMERA.fullmatch(name) for name in counts):
        return len(counts) <= max(SEEN_TWICE, len(names) // MOST_SHARE)
    if any(_KINDS.fullmatch(name) or not re.search(r"[^\W\d_]", name) for name in counts):
        return False
    if folder and any(_NO_FOLDER.fullmatch(name) for name in counts):
        return False
    # A word of letters alone within a name may be a kind of picture.
    if not letters and not all(re.search(r"\d", name) for name in counts):
        return False
    return 1 < len(counts) <= max(SEEN_TWICE, len(names) // MOST_SHARE) and min(counts.values()) >= SEEN_TWICE
