"""The bucket, listed once and frozen: what a run's numbers are numbers of."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any

from shoal.bucket.directory_sizes import FanOut, LargestDirectory
from shoal.contract.errors import EmptyBucketError
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import DatasetLayout, run_time
from shoal.contract.rows import LISTING_COLUMNS
from shoal.contract.stored_names import Kind, read_name
from shoal.settings.dataset import Source
from shoal.settings.ignore import DEFAULTS
from shoal.settings.run_form import RunParams, Window
from shoal.stores.object_store import ImageStore, ListedObject
from shoal.tables.session import Database

EVER = Window(None, None)
VIDEOS = frozenset({".mp4", ".avi", ".mov", ".mts", ".m2ts", ".mkv", ".mpg", ".mpeg", ".m4v", ".wmv", ".3gp"})
UNREAD = frozenset(
    {".heic", ".heif", ".avif", ".gif", ".jxl", ".jp2", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"}
)
"""Photos that are worth a word where `source.suffixes` does not name them."""

_SEEN = ("ignored_by", "videos", "unread", "below_images")
_KEYS = "whole keys"
"""What entries that are keys leave out is counted as one."""


@dataclass(frozen=True)
class Scope:
    """What a run looks at.

    Attributes:
        prefix: Whole key prefix, the dataset's and the run's.
        limit: Most images, in listing order; None for all.
        window: Span of capture time; what is outside it is listed by the store and by nobody else.
    """

    prefix: str
    limit: int | None
    window: Window = EVER

    @classmethod
    def of(cls, source: Source, params: RunParams) -> "Scope":
        """Join a dataset's scope and a run's."""
        return cls(source.prefix + (params.prefix or ""), params.limit, params.window)

    def to_json(self) -> dict[str, Any]:
        """Write the scope as plans and summaries show it."""
        start, end = (moment and f"{moment.isoformat()}Z" for moment in (self.window.start, self.window.end))
        return {"prefix": self.prefix, "limit": self.limit, "window_start": start, "window_end": end}


@dataclass(frozen=True)
class ListingCounts:
    """What the listing saw; only `images` are in scope."""

    images: int = 0
    size_bytes: int = 0
    not_images: int = 0
    ignored: int = 0
    ignored_by: Mapping[str, int] = field(default_factory=dict)
    videos: Mapping[str, int] = field(default_factory=dict)
    unread: Mapping[str, int] = field(default_factory=dict)
    below_images: int = 0

    def describe(self) -> list[str]:
        """Tell what was left out, and what lies there that nobody looks at."""
        lines = []
        if self.ignored:
            lines.append(
                f"ignored {self.ignored}: {_told(self.ignored_by)} - !pattern in source.ignore lets one in again"
            )
        if self.videos:
            lines.append(
                f"not looked at: {sum(self.videos.values())} videos ({_told(self.videos)}) - frames of one are made by "
                "ffmpeg -i VIDEO -vf fps=1 -q:v 2 VIDEO-%06d.jpg"
            )
        if self.unread:
            lines.append(
                f"not looked at: {sum(self.unread.values())} photos in formats that source.suffixes does not name "
                f"({_told(self.unread)}) - convert them to JPEG"
            )
        if self.below_images:
            lines.append(
                f"{self.below_images} images lie in folders named like an image, such as a.jpg/1.jpg: often thumbnails - look "
                "at them, and leave them out by source.ignore"
            )
        return lines


@dataclass(frozen=True)
class FrozenListing:
    """A listing that is the table or view `listing` of a session.

    Attributes:
        key: Its object in the results bucket.
        counts: What it saw.
        largest: Its largest directory; not known of a listing of an earlier release.
    """

    key: str
    counts: ListingCounts
    largest: LargestDirectory

    @property
    def listed_at(self) -> datetime:
        """When the bucket was listed: by this run, or by one before it."""
        return run_time(self.key.rpartition("/")[2].removesuffix(".parquet"))


def freeze_listing(
    bucket: ImageStore, source: Source, scope: Scope, database: Database, key: str, *, mounts: bool = False
) -> FrozenListing:
    """List the scope once, into the table `listing` and the object `key`, in memory that does not grow with the bucket.

    Makes: listing

    Args:
        bucket: The image bucket.
        source: What of it is an image.
        scope: What is listed.
        database: A session on the results bucket.
        key: Key of the frozen listing.
        mounts: Whether pods will mount the bucket: where a limit ends the listing, the last image's directory is counted on.

    Raises:
        EmptyBucketError: No image in scope.
        ConfigError: No such bucket, or access denied.
        StoreError: The store does not answer.
    """
    path = database.folder / "listing.jsonl"
    counts, largest = _write_lines(bucket, source, scope, path, mounts=mounts)
    if counts.images == 0:
        raise EmptyBucketError(_nothing_there(bucket, source, scope, counts))
    # The server's order is almost always the key order already; a key listed twice would break the balance.
    database.run(
        "CREATE TABLE listing AS SELECT DISTINCT ON (key) * FROM read_json(?, format = 'newline_delimited', columns = "
        f"{LISTING_COLUMNS})",
        [str(path)],
    )
    path.unlink()
    facts = {
        "not_images": str(counts.not_images),
        "ignored": str(counts.ignored),
        "seen": json.dumps({name: getattr(counts, name) for name in _SEEN}),
        "listed_sha256": _identity(source, scope),
        "largest_directory": largest.name,
        "largest_directory_entries": str(largest.entries),
    }
    images = database.store_parquet(f"SELECT {', '.join(LISTING_COLUMNS)} FROM listing ORDER BY key", key, facts)
    return FrozenListing(key, replace(counts, images=images), largest)


def view_listing(database: Database, key: str) -> FrozenListing:
    """Make a frozen listing the view `listing`.

    Makes: listing

    Raises:
        StoreError: The results bucket does not answer, or the listing is no longer there.
    """
    database.view_parquet("listing", [key], LISTING_COLUMNS)
    facts = database.parquet_metadata(key)
    seen = json.loads(facts.get("seen", "{}"))
    counts = ListingCounts(not_images=int(facts["not_images"]), ignored=int(facts["ignored"]), **seen)
    largest = LargestDirectory(facts.get("largest_directory", ""), int(facts.get("largest_directory_entries", 0)))
    return FrozenListing(key, count_images(database, counts), largest)


def find_listing(
    database: Database, layout: DatasetLayout, source: Source, scope: Scope, since: datetime
) -> str | None:
    """Find the newest listing that another run froze of the same objects; windows do not matter, they narrow it later.

    Args:
        database: A session on the results bucket.
        layout: The dataset's objects.
        source: What is listed.
        scope: The run's scope.
        since: Not older than this; UTC.
    """
    identity = _identity(source, scope)
    for key in sorted(database.results.list_keys(layout.listings), reverse=True):
        name = read_name(layout, key)
        if name.kind is not Kind.LISTING or run_time(name.run_key) < since:
            continue
        if database.parquet_metadata(key).get("listed_sha256") == identity:
            return key
    return None


def count_images(database: Database, counts: ListingCounts) -> ListingCounts:
    """Count what is left in the table `listing` after it was narrowed; what was no image stays counted as it was.

    Reads: listing
    """
    (left,) = database.records("SELECT count(*) AS images, coalesce(sum(size_bytes), 0) AS size_bytes FROM listing")
    return replace(counts, images=int(left["images"]), size_bytes=int(left["size_bytes"]))


def _identity(source: Source, scope: Scope) -> str:
    """Tell what decides which objects a listing holds."""
    listed = {
        "columns": list(LISTING_COLUMNS),  # one of format 1 is not used again
        "conn_id": source.conn_id,
        "bucket": source.bucket,
        "prefix": scope.prefix,
        "limit": scope.limit,
        "suffixes": sorted(source.suffixes),
        "ignore": list(source.ignore),  # the last line that matches decides
        "defaults": list(DEFAULTS),
    }
    return canonical_sha256(listed)


def _write_lines(
    bucket: ImageStore, source: Source, scope: Scope, path: Path, *, mounts: bool
) -> tuple[ListingCounts, LargestDirectory]:
    images = size_bytes = not_images = below = 0
    ignored: Counter[str] = Counter()
    videos: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    in_image = re.compile(f"(?:{'|'.join(map(re.escape, source.endings))})/", re.IGNORECASE)
    fan_out, named = FanOut(), {*DEFAULTS, *source.ignore[:100]}  # thousands of keys are one line
    with path.open("w", encoding="utf-8") as lines:
        listed = bucket.list_objects(scope.prefix)
        for found in listed:
            fan_out.add(found.key)
            line = source.ignored.line_of(found.key) if source.ends_like_image(found.key) else None
            if line is None and source.ends_like_image(found.key):
                lines.write(_line(found))
                images += 1
                size_bytes += found.size_bytes
                below += in_image.search(found.key) is not None
                if images == scope.limit:
                    if mounts:
                        fan_out.finish(rest.key for rest in listed)
                    break
            elif line is not None:
                ignored[line if line in named else _KEYS] += 1
            else:
                not_images += 1
                ending = found.key[found.key.rfind(".") :].lower()
                counter = videos if ending in VIDEOS else unread if ending in UNREAD else None
                if counter is not None and source.ignored.line_of(found.key) is None:
                    counter[ending] += 1
    counts = ListingCounts(images, size_bytes, not_images, ignored.total(), ignored, videos, unread, below)
    return counts, fan_out.largest


def _line(found: ListedObject) -> str:
    key, object_version = encode_basestring_ascii(found.key), encode_basestring_ascii(found.object_version)
    storage_class = "null" if found.storage_class is None else encode_basestring_ascii(found.storage_class)
    modified = found.last_modified.replace(tzinfo=None).isoformat()
    return (
        f'{{"key":{key},"object_version":{object_version},"size_bytes":{found.size_bytes},"last_modified":"{modified}",'
        f'"storage_class":{storage_class}}}\n'
    )


def _nothing_there(bucket: ImageStore, source: Source, scope: Scope, counts: ListingCounts) -> str:
    seen = counts.not_images + counts.ignored
    where = f"Bucket {bucket.bucket!r} has no images under prefix {scope.prefix!r}"
    if seen == 0:
        return f"{where}: nothing lies there - check source.bucket, source.prefix and the run's prefix"
    return (
        f"{where}: {counts.not_images} objects do not end in {' '.join(source.suffixes)}, {counts.ignored} are ignored - "
        "check source.suffixes and source.ignore"
    )


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
