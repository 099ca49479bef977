"""What a listing shows, sorted: images into lines of a file, all else into counts."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from json.encoder import encode_basestring_ascii
from typing import Any, TextIO

from shoal.contract.units import counted
from shoal.settings.ignore import DEFAULTS, Ignored
from shoal.settings.source import Source
from shoal.stores.folder_listing import CLOSED, LINKS, NO_FILES, UNSETTLED
from shoal.stores.listed import ListedObject
from shoal.stores.rclone_listing import WITHOUT_SIZE
from shoal.stores.rclone_log import MISNAMED

CONVERT_HEIC = "magick mogrify -format jpg *.HEIC makes JPEGs"

VIDEOS = frozenset({".mp4", ".avi", ".mov", ".mts", ".m2ts", ".mkv", ".mpg", ".mpeg", ".m4v", ".wmv", ".3gp"})
UNREAD = frozenset(
    {".heic", ".heif", ".avif", ".gif", ".jxl", ".jp2", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"}
)
"""Photos that are worth a word where `source.suffixes` does not name them."""

DECODED = frozenset({".gif", ".avif", ".jp2"})
"""Those of them that a worker decodes."""

HEIC = frozenset({".heic", ".heif"})

_SELDOM = frozenset({"twice", "unlisted"})
"""Counts that are stored where there is something to count."""

KEYS = "whole keys"
"""What entries that are keys leave out is counted as one."""


@dataclass(frozen=True)
class ListingCounts:
    """What the listing saw; only `images` are in scope.

    Attributes:
        images: Images in scope.
        size_bytes: Of all of them.
        not_images: Objects with another ending.
        ignored: Images that are left out.
        ignored_by: How many each line of `source.ignore` leaves out.
        videos: Objects among `not_images` that are videos, by ending.
        unread: Those that are photos in formats which `source.suffixes` does not name, by ending.
        below_images: Images in folders named like an image.
        twice: Further images under a key that was listed before: one of each key is in scope. Stored where there are any.
        unlisted: What lies in a folder and can be no image's file, by why. Stored where there is any.
    """

    images: int = 0
    size_bytes: int = 0
    not_images: int = 0
    ignored: int = 0
    ignored_by: Mapping[str, int] = field(default_factory=dict)
    videos: Mapping[str, int] = field(default_factory=dict)
    unread: Mapping[str, int] = field(default_factory=dict)
    below_images: int = 0
    twice: int = 0
    unlisted: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "ListingCounts":
        """Take the counts out of a stored object that holds them beside other fields, or lacks some."""
        return cls(**{one.name: stored[one.name] for one in fields(cls) if one.name in stored})

    def to_json(self) -> dict[str, Any]:
        """Write them as listings and plans hold them."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        values = {name: value for name, value in values.items() if value or name not in _SELDOM}
        return {
            name: dict(sorted(value.items())) if isinstance(value, Mapping) else value for name, value in values.items()
        }

    def left_out(self) -> dict[str, Any]:
        """Write what is not in scope, as plans and summaries hold it."""
        return {name: value for name, value in self.to_json().items() if name not in {"images", "size_bytes"}}

    @property
    def lasting(self) -> "ListingCounts":
        """Without what would be another number a minute later, for an answer that is the same as long as its images are."""
        return replace(self, unlisted={why: count for why, count in self.unlisted.items() if why != UNSETTLED})

    def describe(self) -> list[str]:
        """Tell what was left out, and what lies there that nobody looks at."""
        lines = [
            f"{what}: {counted(self.unlisted[why], things)} {which}"
            for why, (what, things, which) in _UNLISTED.items()
            if self.unlisted.get(why)
        ]
        if self.ignored:
            which = f": {_told(self.ignored_by)}" if self.ignored_by else ""  # not counted in plans before patterns
            lines.append(f"ignored {self.ignored}{which} - !pattern in source.ignore lets one in again")
        if self.videos:
            lines.append(
                f"not looked at: {counted(sum(self.videos.values()), 'video')} ({_told(self.videos)}) - frames of one are made "
                "by ffmpeg -i VIDEO -vf fps=1 -q:v 2 VIDEO-%06d.jpg"
            )
        if self.unread:
            ways = (
                ["name in source.suffixes what can be read (.gif .avif .jp2)"] if self.unread.keys() & DECODED else []
            )
            ways += [f"HEIC is not read: {CONVERT_HEIC}"] if self.unread.keys() & HEIC else []
            ways += ["convert raw photos to JPEG"] if self.unread.keys() - DECODED - HEIC else []
            lines.append(
                f"not looked at: {counted(sum(self.unread.values()), 'photo')} in formats that source.suffixes does not name "
                f"({_told(self.unread)}) - {'; '.join(ways)}"
            )
        if self.below_images:
            lie, them = (
                ("lies in a folder", "a thumbnail - look at it, and leave it")
                if self.below_images == 1
                else ("lie in folders", "thumbnails - look at them, and leave them")
            )
            lines.append(
                f"{counted(self.below_images, 'image')} {lie} named like an image, such as a.jpg/1.jpg: often {them} out by "
                "source.ignore"
            )
        if self.twice:
            lines.append(
                f"{counted(self.twice, 'further image')} under a key that was listed before: of each key one is looked at - "
                "where file names are no UTF-8 some stores show different ones alike: rename them; else see the store's log"
            )
        return lines


_UNLISTED = {
    UNSETTLED: ("left for the next run", "file", "written just before they were listed (source.settle)"),
    CLOSED: (
        "not in the listing",
        "file or folder",
        "that may not be read or looked into - give this process the right",
    ),
    LINKS: ("not followed", "link", "in the folder - name the folder that they lead to, or mount it there"),
    NO_FILES: ("not looked at", "pipe or device", "in the folder"),
    MISNAMED: (
        "not in the listing",
        "file or folder",
        "whose name gives no path, such as one with a slash in it - rename it",
    ),
    WITHOUT_SIZE: ("not looked at", "document", "that the store makes when it is fetched, without a size"),
}
"""What is said of what lies in a folder and is not listed."""


class Sieve:
    """Sorts listed objects, in memory that does not grow with them.

    An entry of `source.ignore` that equals a listed key is that key and no pattern, which is known only when all is listed. So
    what such an entry decides as a pattern waits in a file until then.

    Args:
        source: What is an image.
        lines: Takes the images.
        doubtful: Takes what waits; read again at the end.
    """

    def __init__(self, source: Source, lines: TextIO, doubtful: TextIO) -> None:
        self._source, self._lines, self._doubtful = source, lines, doubtful
        self._named = {*DEFAULTS, *source.ignore[:100]}  # thousands of keys are one line
        self._own = {entry for entry in source.ignore if source.ends_like_image(entry)}
        self._in_image = re.compile(f"(?:{'|'.join(map(re.escape, source.endings))})/", re.IGNORECASE)
        self._keys: set[str] = set()
        self._ignored: Counter[str] = Counter()
        self._videos: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()
        self._kept = self._size_bytes = self._not_images = self._below = 0
        self._last = ""
        self.images = 0
        """Images until now, with those that wait and look like ones."""
        self.in_order = True
        """Whether each image's key follows that of the one before, by code point: in key order, and none twice."""

    def add(self, found: ListedObject) -> None:
        """Sort one object in."""
        if not self._source.ends_like_image(found.key):
            self._count_other(found.key)
            return
        line = self._source.ignored.deciding(found.key)
        if line is None:
            self.images += 1
            self._keep(found.key, found.size_bytes, write_line(found))
        elif line.regex is None:
            self._keys.add(found.key)
            self._leave_out(found.key)
        elif line.text in self._own:
            self.images += line.lets_in
            self._doubtful.write(write_line(found))
        elif line.lets_in:
            self.images += 1
            self._keep(found.key, found.size_bytes, write_line(found))
        else:
            self._leave_out(line.text)

    def finish(self) -> ListingCounts:
        """Sort in what waited, and count."""
        ignored = Ignored(self._source.ignore, self._keys)
        self._doubtful.seek(0)
        for line in self._doubtful:
            read = json.loads(line)
            left_out_by = ignored.line_of(read["key"])
            if left_out_by is None:
                self._keep(read["key"], read["size_bytes"], line)
            else:
                self._leave_out(left_out_by)
        return ListingCounts(
            self._kept, self._size_bytes, self._not_images, self._ignored.total(), self._ignored, self._videos,
            self._unread, self._below,
        )  # fmt: skip

    def _keep(self, key: str, size_bytes: int, line: str) -> None:
        self._lines.write(line)
        self.in_order &= key > self._last
        self._last = key
        self._kept += 1
        self._size_bytes += size_bytes
        self._below += self._in_image.search(key) is not None

    def _leave_out(self, line: str) -> None:
        self._ignored[line if line in self._named else KEYS] += 1

    def _count_other(self, key: str) -> None:
        self._not_images += 1
        ending = _ending(key)
        counter = self._videos if ending in VIDEOS else self._unread if ending in UNREAD else None
        if counter is not None and self._source.ignored.line_of(key) is None:
            counter[ending] += 1


def count_others(endings: Mapping[str, int]) -> ListingCounts:
    """Count what lies where no image does, by its endings: in small letters, with their dot."""
    videos, unread = ({name: endings[name] for name in endings.keys() & kind} for kind in (VIDEOS, UNREAD))
    return ListingCounts(not_images=sum(endings.values()), videos=videos, unread=unread)


def _ending(key: str) -> str:
    return key[key.rfind(".") :].lower()


def write_line(found: ListedObject) -> str:
    """Write an object as a line of JSON, ten times as fast as the library does."""
    key, object_version = encode_basestring_ascii(found.key), encode_basestring_ascii(found.object_version)
    storage_class = "null" if found.storage_class is None else encode_basestring_ascii(found.storage_class)
    modified = found.last_modified.replace(tzinfo=None).isoformat()
    return (
        f'{{"key":{key},"object_version":{object_version},"size_bytes":{found.size_bytes},"last_modified":"{modified}",'
        f'"storage_class":{storage_class}}}\n'
    )


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
