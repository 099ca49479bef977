"""The bucket, listed once and frozen: what a run's numbers are numbers of."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from shoal.bucket.arrived import Arrived
from shoal.bucket.directory_sizes import FanOut, LargestDirectory
from shoal.bucket.listing_months import store_months
from shoal.bucket.listing_record import ListedAnew, ListingRecord, Moment, scope_of
from shoal.bucket.nothing_there import beside_prefix
from shoal.bucket.sieve import ListingCounts, Sieve
from shoal.contract.errors import EmptyBucketError, shown
from shoal.contract.gone_objects import gone
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import DatasetLayout, listed_months
from shoal.contract.plain_keys import only_named
from shoal.contract.rows import LISTING_COLUMNS
from shoal.contract.stored_names import Kind, read_name
from shoal.contract.units import utc_text
from shoal.settings.ignore import DEFAULTS
from shoal.settings.run_form import RunParams, Window
from shoal.settings.source import Source
from shoal.stores.object_store import ImageStore, ObjectStore
from shoal.stores.shared_files import SharedFiles
from shoal.tables.frozen_listing import FrozenAt, load_images
from shoal.tables.session import Database

EVER = Window(None, None)
RECENT = 20
"""Listings that are asked where the folder stood, before there is an answer: runs that were not complete."""
WRITTEN_AFTER = timedelta(days=1)
"""What lies between a listing and the object that tells of it, at most: hours of listing, and two stores' clocks."""


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
    """A listing that is the table `listing` of a session.

    Attributes:
        key: Its object in the results bucket.
        moment: When the bucket was listed, by this run or by one before it.
        counts: What it saw.
        largest: Its largest directory.
        nothing: Why no image is left in the run's window, and which are nearest; empty where one is.
        ground: See `ImageStore.ground`.
        anew: What of it was listed, where the rest is of another listing; None where all was.
        why_whole: Why all was, though events named folders; empty else.
    """

    key: str
    moment: Moment
    counts: ListingCounts
    largest: LargestDirectory
    nothing: str = ""
    ground: tuple[str, ...] = ()
    anew: ListedAnew | None = None
    why_whole: str = ""

    def describe_anew(self) -> list[str]:
        """Say what was listed, where events named folders."""
        if self.why_whole:
            return [f"events named folders, and everything was listed: {self.why_whole}"]
        if self.anew is None:
            return []
        listed = Arrived(self.anew.folders).describe()
        whole_at = utc_text(self.anew.whole_at)
        return [f"listed anew {listed}, all else as in the answer; what is no image was counted at {whole_at}"]

    @property
    def whole_at(self) -> datetime:
        """When everything in it was listed, at the latest; UTC."""
        return self.moment.at if self.anew is None else self.anew.whole_at

    @property
    def frozen_at(self) -> FrozenAt:
        """The listing as plans and answers name it."""
        return FrozenAt(self.key, self.moment.at)


def freeze_listing(
    bucket: ImageStore,
    source: Source,
    scope: Scope,
    database: Database,
    key: str,
    *,
    mounts: bool = False,
    kept: Collection[str] = frozenset(),
) -> FrozenListing:
    """List the scope once, into the table `listing` and the object `key`, in memory that does not grow with the bucket.

    Images lie in files by month, which listings share: of those that lie there none is written again.

    Makes: listing

    Args:
        bucket: The image bucket.
        source: What of it is an image.
        scope: What is listed.
        database: A session on the results bucket.
        key: Key of the frozen listing, `….json`.
        mounts: Whether pods will mount the bucket: where a limit ends the listing, the last image's directory is counted on.
        kept: Files that a listing names which is kept, whatever their age: the answer's.

    Raises:
        EmptyBucketError: No image in scope.
        ConfigError: No such bucket, or access denied.
        StoreError: The store does not answer.
    """
    path = database.folder / "listing.jsonl"
    moment, ground = Moment.now(bucket), {*bucket.ground}
    counts, largest, in_order = sift(bucket, source, [scope.prefix], path, scope.limit, mounts=mounts)
    stood_on = tuple(sorted(ground.intersection(bucket.ground)))  # all the while
    if counts.images == 0:
        raise EmptyBucketError(_nothing_there(bucket, source, scope, counts))
    load_sifted(database, path, scope.limit, in_order=in_order)
    path.unlink()
    path.with_suffix(".doubtful").unlink()
    sifted, counts = counts.images, count_images(database, counts)
    if scope.limit is None:
        counts = replace(counts, twice=sifted - counts.images)
    files = store_months(database, key, SharedFiles.look(database.results, listed_months(key), kept))
    listed = scope_of(source, scope.prefix, scope.limit)
    record = ListingRecord(moment, identity_of(listed), listed, counts, largest, files, stood_on)
    database.results.write_json(key, record.to_json())  # last: what it names is there
    return FrozenListing(key, moment, counts, largest, ground=stood_on)


def load_sifted(database: Database, path: Path, limit: int | None, *, in_order: bool) -> None:
    """Make the images that were sifted the table `listing`, in key order: by an image's number one of several comes first.

    Nearly every store lists in that order and each key once, and nothing is sorted. A key listed twice would break the balance:
    the newest counts. Only images of such keys are held against each other, for with all its columns an image is long.

    Makes: listing
    """
    first = "" if limit is None else f" LIMIT {limit:d}"
    sifted = f"SELECT * FROM read_json(?, format = 'newline_delimited', columns = {LISTING_COLUMNS})"
    if in_order:
        database.run(f"CREATE TABLE listing AS {sifted}{first}", [str(path)])
        return
    database.run(f"CREATE TABLE sifted AS {sifted}", [str(path)])
    database.run("CREATE TABLE several AS SELECT key FROM sifted GROUP BY key HAVING count(*) > 1")
    database.run(
        "CREATE TABLE listing AS SELECT * FROM (SELECT * FROM sifted ANTI JOIN several USING (key) UNION ALL FROM ("
        "SELECT DISTINCT ON (key) * FROM sifted SEMI JOIN several USING (key) "
        f"ORDER BY key, last_modified DESC, object_version, size_bytes, storage_class)) ORDER BY key{first}"
    )
    database.run("DROP TABLE sifted")
    database.run("DROP TABLE several")


def view_listing(database: Database, key: str) -> FrozenListing:
    """Make a frozen listing the table `listing`.

    Makes: listing

    Raises:
        ContractError: The listing is no longer there.
        StoreError: The results bucket does not answer.
    """
    record = ListingRecord.read(database.results, key)
    if record is None:
        raise gone(key, database.results.bucket)
    load_images(database, [file.key for file in record.files])
    counts = count_images(database, record.counts)
    return FrozenListing(key, record.moment, counts, record.largest, ground=record.ground, anew=record.anew)


def find_listing(
    database: Database, layout: DatasetLayout, source: Source, scope: Scope, since: datetime
) -> str | None:
    """Find the newest listing that another run froze of the same objects; windows do not matter, they narrow it later.

    Of one of which folders alone were listed anew it counts when the rest was.

    Listings of earlier releases, whose files alone are there, are not found: they are read by the runs that name them.

    Args:
        database: A session on the results bucket.
        layout: The dataset's objects.
        source: What is listed.
        scope: The run's scope.
        since: Not older than this, by the image store's clock; UTC.
    """
    identity, results = identity_of(scope_of(source, scope.prefix, scope.limit)), database.results
    there = {found.key: found for found in results.list_objects(layout.listings)}
    # The images of all listings lie below, too: whoever is told to delete what Shoal has not named must not be told of them.
    named = only_named(there, layout.listings, lambda key: read_name(layout, key).kind in {Kind.LISTING, Kind.SHARED})
    stored = [there[key] for key in named if key.endswith(".json")]
    for found in sorted(stored, key=lambda one: (one.last_modified, one.key), reverse=True):
        if found.last_modified < since - WRITTEN_AFTER:
            return None
        record = ListingRecord.read(results, found.key)
        if record is not None and record.identity == identity and record.whole_at >= since:
            return found.key
    return None


def list_listings(results: ObjectStore, layout: DatasetLayout) -> list[str]:
    """Name the newest listings of any run, `RECENT` of them, the newest first."""
    there = {found.key: found for found in results.list_objects(layout.listings)}
    keys = [key for key in there if key.endswith(".json") and read_name(layout, key).kind is Kind.LISTING]
    return sorted(keys, key=lambda key: (there[key].last_modified, key), reverse=True)[:RECENT]


def by_clock_of(bucket: ImageStore, moment: datetime) -> datetime:
    """Translate a time of this machine's clock into the image store's, which tells when a listing was made."""
    return moment + (Moment.now(bucket).at - datetime.now(UTC))


def count_images(database: Database, counts: ListingCounts) -> ListingCounts:
    """Count what is left in the table `listing` after it was narrowed; what was no image stays counted as it was.

    Reads: listing
    """
    (left,) = database.records("SELECT count(*) AS images, coalesce(sum(size_bytes), 0) AS size_bytes FROM listing")
    return replace(counts, images=int(left["images"]), size_bytes=int(left["size_bytes"]))


def identity_of(listed: Mapping[str, Any]) -> str:
    """Tell what decides which objects a listing holds, in one hash; one of another release is not used again."""
    return canonical_sha256({"columns": list(LISTING_COLUMNS), "defaults": list(DEFAULTS), **listed})


def sift(
    bucket: ImageStore, source: Source, prefixes: Sequence[str], path: Path, limit: int | None = None, *, mounts: bool
) -> tuple[ListingCounts, LargestDirectory, bool]:
    """List what begins with any of these prefixes, and write the images among it to a file, a line each.

    Args:
        bucket: The image bucket.
        source: What of it is an image.
        prefixes: Sorted, none within another.
        path: The file; what waits for the end lies beside it.
        limit: Most images; None for all.
        mounts: See `freeze_listing`.

    Returns:
        What was seen, its largest directory, and whether the file is in the order of keys, each there once.
    """
    fan_out = FanOut()
    with (
        path.open("w", encoding="utf-8") as lines,
        path.with_suffix(".doubtful").open("w+", encoding="utf-8") as doubtful,
    ):
        sieve, unlisted = Sieve(source, lines, doubtful), Counter[str]()
        # A limit takes the first of the store's own order; what is wanted whole may come folder by folder.
        listed = chain.from_iterable(
            bucket.list_objects(prefix, whole=limit is None, unlisted=unlisted) for prefix in prefixes
        )
        for found in listed:
            fan_out.add(found.key)
            sieve.add(found)
            if sieve.images == limit:
                if mounts:
                    fan_out.finish(rest.key for rest in listed)
                break
        counts = replace(sieve.finish(), unlisted=dict(unlisted))
        return counts, fan_out.largest, sieve.in_order


def _nothing_there(bucket: ImageStore, source: Source, scope: Scope, counts: ListingCounts) -> str:
    seen = counts.not_images + counts.ignored
    where = f"{source.what} '{shown(bucket.bucket)}' has no images under prefix '{shown(scope.prefix, 200)}'"
    beside = "".join(f"; {line}" for line in counts.describe())
    if seen == 0 and scope.prefix != source.prefix:
        return f"{where}: no key begins so; {beside_prefix(bucket, source, scope.prefix)}{beside}"
    if seen == 0:
        return f"{where}: nothing lies there - {source.to_look_at}{beside}"
    return (
        f"{where}: {counts.not_images} objects do not end in {' '.join(source.suffixes)}, {counts.ignored} are ignored - "
        f"check source.suffixes and source.ignore{beside}"
    )
