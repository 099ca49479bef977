"""How the bucket differs from what is known of it, and the stop at what nobody accepted: nothing is started then."""

from dataclasses import replace

from shoal.bucket.drift import Drift, count_changed, count_gone, part_unsettled
from shoal.bucket.listing import FrozenListing, Scope, list_listings
from shoal.bucket.listing_record import ListingRecord
from shoal.contract.errors import ConfigError
from shoal.plan.request import PlanRequest
from shoal.settings.dataset_stores import Stores
from shoal.stores.folder_listing import CLOSED, UNSETTLED
from shoal.tables.frozen_listing import FrozenAt
from shoal.tables.session import Database


def guard_drift(
    database: Database,
    request: PlanRequest,
    stores: Stores,
    known: FrozenAt | None,
    listing: FrozenListing,
    *,
    reused: int,
    to_infer: int,
    moved: str,
) -> Drift:
    """Measure it, and stop.

    Reads: listing, stored_rows, open_images
    Makes: known_images, moved_images

    Args:
        database: The plan's session.
        request: What is planned, and what was accepted.
        stores: The dataset's buckets.
        known: The listing of the dataset's answer; None where there is none.
        listing: The listing.
        reused: Listed images that are settled.
        to_infer: Images without a row.
        moved: How the dataset file names another source than the last run; empty where it does not.

    Raises:
        ConfigError: More than a tenth is gone or changed, or a folder hides some, and nobody has said what that means.
    """
    params, source = request.params, request.dataset.source
    scope = Scope.of(source, params)
    drift = count_gone(database, listing, known, scope, source)
    drift.check(params, moved)
    if drift.gone and not params.accept_gone and source.path:
        _need_same_ground(stores, listing, known, drift)
        if not {CLOSED, UNSETTLED}.isdisjoint(listing.counts.unlisted):
            drift = part_unsettled(database, drift, stores.source, source, scope.prefix)
    if to_infer:
        drift = count_changed(database, drift, reused)
        drift.check(params)
    return replace(drift, copied=drift.changed) if params.accept_changed == "same" else drift


def _need_same_ground(stores: Stores, listing: FrozenListing, known: FrozenAt | None, drift: Drift) -> None:
    """Refuse to take images for removed where a disk or share is away that the folder stood on.

    Before there is an answer that is what any listing until now stood on: one that was refused is among them.

    Raises:
        ConfigError: It does.
    """
    keys = list_listings(stores.results, stores.layout) if known is None else [known.key]
    before = {place for key in keys if (record := ListingRecord.read(stores.results, key)) for place in record.ground}
    if away := sorted(before - {*listing.ground}):
        raise ConfigError(
            f"{drift.gone} of {drift.known} known images are not in folder {stores.source.bucket}, and nothing is "
            f"mounted at {' and '.join(away)} any more; nothing was started - mount it, or, where the images were moved and "
            "these removed on purpose, start the run with accept_gone: true"
        )
