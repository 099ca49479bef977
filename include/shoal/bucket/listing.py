"""The bucket, listed once and frozen: what a run's numbers are numbers of."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from shoal.bucket.directory_sizes import FanOut, LargestDirectory
from shoal.bucket.nothing_there import beside_prefix
from shoal.bucket.sieve import ListingCounts, Sieve
from shoal.contract.errors import EmptyBucketError, shown
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import DatasetLayout, run_time
from shoal.contract.rows import LISTING_COLUMNS
from shoal.contract.stored_names import Kind, read_name
from shoal.settings.dataset import Source
from shoal.settings.ignore import DEFAULTS
from shoal.settings.run_form import RunParams, Window
from shoal.stores.object_store import ImageStore
from shoal.tables.session import Database

EVER = Window(None, None)
_SEEN = ("ignored_by", "videos", "unread", "below_images")
"""What a listing's file says of it as JSON."""


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
class FrozenListing:
    """A listing that is the table or view `listing` of a session.

    Attributes:
        key: Its object in the results bucket.
        counts: What it saw.
        largest: Its largest directory; not known of a listing of an earlier release.
        nothing: Why no image is left in the run's window, and which are nearest; empty where one is.
    """

    key: str
    counts: ListingCounts
    largest: LargestDirectory
    nothing: str = ""

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
    counts, largest = _sift(bucket, source, scope, path, mounts=mounts)
    if counts.images == 0:
        raise EmptyBucketError(_nothing_there(bucket, source, scope, counts))
    # The server's order is almost always the key order already; a key listed twice would break the balance.
    first = "" if scope.limit is None else f" ORDER BY key LIMIT {scope.limit:d}"
    database.run(
        "CREATE TABLE listing AS SELECT DISTINCT ON (key) * FROM read_json(?, format = 'newline_delimited', columns = "
        f"{LISTING_COLUMNS}){first}",
        [str(path)],
    )
    path.unlink()
    path.with_suffix(".doubtful").unlink()
    facts = {
        "not_images": str(counts.not_images),
        "ignored": str(counts.ignored),
        "seen": json.dumps({name: getattr(counts, name) for name in _SEEN}),
        "listed_sha256": _identity(source, scope),
        "largest_directory": largest.name,
        "largest_directory_entries": str(largest.entries),
    }
    database.store_parquet(f"SELECT {', '.join(LISTING_COLUMNS)} FROM listing ORDER BY key", key, facts)
    return FrozenListing(key, count_images(database, counts), largest)


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


def _sift(
    bucket: ImageStore, source: Source, scope: Scope, path: Path, *, mounts: bool
) -> tuple[ListingCounts, LargestDirectory]:
    fan_out = FanOut()
    with (
        path.open("w", encoding="utf-8") as lines,
        path.with_suffix(".doubtful").open("w+", encoding="utf-8") as doubtful,
    ):
        sieve = Sieve(source, lines, doubtful)
        listed = bucket.list_objects(scope.prefix)
        for found in listed:
            fan_out.add(found.key)
            sieve.add(found)
            if sieve.images == scope.limit:
                if mounts:
                    fan_out.finish(rest.key for rest in listed)
                break
        return sieve.finish(), fan_out.largest


def _nothing_there(bucket: ImageStore, source: Source, scope: Scope, counts: ListingCounts) -> str:
    seen = counts.not_images + counts.ignored
    where = f"Bucket '{bucket.bucket}' has no images under prefix '{shown(scope.prefix, 200)}'"
    if seen == 0 and scope.prefix != source.prefix:
        return f"{where}: no key begins so; {beside_prefix(bucket, source.prefix, scope.prefix)}"
    if seen == 0:
        return f"{where}: nothing lies there - check source.bucket and source.prefix"
    return (
        f"{where}: {counts.not_images} objects do not end in {' '.join(source.suffixes)}, {counts.ignored} are ignored - "
        "check source.suffixes and source.ignore"
    )
