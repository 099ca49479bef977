"""A listing of which only some folders were listed: the rest is that of the dataset's answer.

Events name folders, not truth. Where it is not sure that the rest still holds, as far as any listing can be sure, all is listed.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from shoal.bucket.arrived import Arrived
from shoal.bucket.listing import (
    RECENT,
    FrozenListing,
    Scope,
    count_images,
    identity_of,
    list_listings,
    load_sifted,
    sift,
)
from shoal.bucket.listing_months import store_months
from shoal.bucket.listing_record import ListedAnew, ListingRecord, Moment, scope_of
from shoal.bucket.sieve import ListingCounts
from shoal.contract.errors import EmptyBucketError, ShoalError, shown
from shoal.contract.layout import DatasetLayout, listed_months
from shoal.settings.dataset_stores import Stores
from shoal.settings.source import Source
from shoal.stores.folder_listing import CLOSED, UNSETTLED
from shoal.stores.object_store import ImageStore, ObjectStore
from shoal.stores.shared_files import SharedFiles
from shoal.tables.frozen_listing import FrozenAt, find_missing, load_images
from shoal.tables.session import Database

WHOLE_EVERY = timedelta(hours=36)
"""So old may the last listing of everything be: nights come in time, and where there are none everything is listed by itself."""

MOST_DOUBTFUL = 50
"""So many entries of `source.ignore` are asked for by name."""


@dataclass(frozen=True)
class Base:
    """What a listing of some folders begins with.

    Attributes:
        key: A frozen listing.
        record: What it tells of itself.
        folders: What is to be listed anew.
    """

    key: str
    record: ListingRecord
    folders: tuple[str, ...]

    def widened(self, prefix: str, folders: Iterable[str]) -> "Base":
        """List these too, where they are few enough to be listed one by one."""
        wider = Arrived(self.folders).joined(prefix, Arrived.of(prefix, folders))
        return self if wider.whole else replace(self, folders=wider.folders)


def find_base(stores: Stores, source: Source, scope: Scope, answer: FrozenAt | None, arrived: Arrived) -> Base | str:
    """Find what to begin with, or say why everything is listed.

    Folders that a run listed anew which is not the answer, or not yet, are listed anew once more.

    Args:
        stores: The dataset's buckets.
        source: What is listed.
        scope: All of it.
        answer: The listing of the dataset's answer; None where there is none.
        arrived: Where something is new.

    Raises:
        ContractError: A listing is not what its format promises.
        StoreError: The results bucket does not answer.
    """
    if doubt := _doubt_entries(stores.source, source):
        return doubt
    results = stores.results
    record = None if answer is None or not answer.key.endswith(".json") else ListingRecord.read(results, answer.key)
    if answer is None or record is None or find_missing(results, [file.key for file in record.files]):
        return "no answer has a listing to begin with"
    if record.identity != identity_of(scope_of(source, scope.prefix, None)):
        return "source in the dataset file was changed since the answer's listing"
    told = _told_since(results, stores.layout, answer.key, record, scope.prefix)
    if isinstance(told, str):
        return told
    folders = arrived.joined(scope.prefix, told)
    if folders.whole:
        return "events name more folders than are listed one by one, or what lies beside all folders"
    return Base(answer.key, record, folders.folders)


def _doubt_entries(bucket: ImageStore, source: Source) -> str:
    """Say which entry of `source.ignore` has to be held against the whole listing; empty where none has."""
    if len(source.doubtful) > MOST_DOUBTFUL:
        return f"more than {MOST_DOUBTFUL} entries of source.ignore are a key or a pattern, as the whole listing tells"
    for entry in source.doubtful:
        try:
            is_key = bucket.has(entry)  # one that was a key, and went since, the night tells
        except ShoalError as err:  # some stores refuse to be asked for such a name
            return f"whether entry {shown(entry, 80)!r} of source.ignore is a key is not known: {err}"
        if is_key:
            return f"entry {shown(entry, 80)!r} of source.ignore is a key and no pattern, as the whole listing tells"
    return ""


def _told_since(
    results: ObjectStore, layout: DatasetLayout, key: str, answer: ListingRecord, prefix: str
) -> Arrived | str:
    """Tell which folders were listed anew since the answer's listing; why that is not known where it is not."""
    told = Arrived()
    newest = list_listings(results, layout)
    for other in newest:
        record = None if other == key else ListingRecord.read(results, other)
        if record is None or record.identity != answer.identity or record.moment.at < answer.moment.at:
            continue
        if record.anew is None or record.whole_at != answer.whole_at:
            return "everything was listed since the answer's listing, by a run that is not the answer"
        told = told.joined(prefix, Arrived.of(prefix, record.anew.folders))
    if len(newest) == RECENT and key not in newest:
        return f"the {RECENT} newest listings are of runs that are not the answer"
    return told


def freeze_anew(
    bucket: ImageStore,
    source: Source,
    base: Base,
    database: Database,
    key: str,
    *,
    mounts: bool = False,
    kept: Collection[str] = frozenset(),
) -> FrozenListing | str:
    """List folders anew into the table `listing` and the object `key`, with the rest of another listing.

    It is the listing of everything where nothing but what lies in these folders has changed, but for what is no image: that stays
    counted as it was when everything was listed; a folder that may not be looked into now is counted besides.

    Makes: listing

    Args:
        bucket: The image bucket.
        source: What of it is an image.
        base: What it begins with, and the folders.
        database: A session on the results bucket.
        key: Key of the frozen listing, `….json`.
        mounts: See `freeze_listing`.
        kept: See `freeze_listing`.

    Returns:
        It, or why everything is to be listed.

    Raises:
        EmptyBucketError: No image is left.
        ConfigError: No such bucket, or access denied.
        StoreError: The store does not answer.
    """
    moment, ground = Moment.now(bucket), {*bucket.ground}
    if moment.at - base.record.whole_at > WHOLE_EVERY:
        return f"everything was listed {WHOLE_EVERY.total_seconds() / 3600:.0f} hours ago or before"
    path = database.folder / "listing.jsonl"
    sifted, largest, in_order = sift(bucket, source, base.folders, path, mounts=mounts)
    stood_on = tuple(sorted(ground.intersection(bucket.ground)))
    load_images(database, [file.key for file in base.record.files])
    _keep_the_rest(database, base.folders)
    load_sifted(database, path, None, in_order=in_order)
    path.unlink()
    path.with_suffix(".doubtful").unlink()
    _join_the_rest(database)
    counts = count_images(database, _counts_of(base.record.counts, sifted))
    if counts.images == 0:
        raise EmptyBucketError(
            f"{source.what} '{shown(bucket.bucket)}' has no images any more: the last ones were in "
            f"{Arrived(base.folders).describe()} - {source.to_look_at}"
        )
    files = store_months(database, key, SharedFiles.look(database.results, listed_months(key), kept))
    record = replace(
        base.record,
        moment=moment,
        counts=counts,
        largest=max(base.record.largest, largest, key=lambda one: one.entries),  # what became smaller the night tells
        files=files,
        ground=stood_on,
        anew=ListedAnew(base.key, base.record.whole_at, base.folders),
    )
    database.results.write_json(key, record.to_json())
    return FrozenListing(key, moment, counts, record.largest, ground=stood_on, anew=record.anew)


def _keep_the_rest(database: Database, folders: Collection[str]) -> None:
    """Set aside what lies in none of the folders.

    Reads: listing
    """
    within = " OR ".join("starts_with(key, ?)" for _ in folders) or "false"
    database.run(f"CREATE OR REPLACE TABLE rest AS SELECT * FROM listing WHERE NOT ({within})", list(folders))
    database.run("DROP TABLE listing")


def _join_the_rest(database: Database) -> None:
    """Join what was listed and the rest, in key order.

    Reads: listing
    Makes: listing
    """
    database.run("ALTER TABLE listing RENAME TO anew")
    database.run("CREATE TABLE listing AS SELECT * FROM (SELECT * FROM rest UNION ALL SELECT * FROM anew) ORDER BY key")
    database.run("DROP TABLE rest")
    database.run("DROP TABLE anew")


def _counts_of(base: ListingCounts, anew: ListingCounts) -> ListingCounts:
    """Count what is no image as when everything was listed, but for what hides images: closed folders, files just being written.

    Of closed ones the larger number counts: nobody knows which of those before lie here, and each run is not to add to them.
    """
    unlisted = {why: count for why, count in anew.unlisted.items() if why in {UNSETTLED, CLOSED}}
    if closed := max(base.unlisted.get(CLOSED, 0), unlisted.get(CLOSED, 0)):
        unlisted[CLOSED] = closed
    return replace(base, unlisted={**base.lasting.unlisted, **unlisted})
