"""Which listing a run has: its own where it waited for room, a fresh one of another run, what events named, or the bucket's."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from shoal.bucket.arrived import Arrived
from shoal.bucket.listed_anew import Base, find_base, freeze_anew
from shoal.bucket.listing import FrozenListing, Scope, by_clock_of, find_listing, freeze_listing, view_listing
from shoal.bucket.newest_folders import begin_at, look_at_newest
from shoal.contract.errors import ContractError
from shoal.plan.request import PlanRequest
from shoal.settings.dataset_stores import Stores
from shoal.settings.source import Source
from shoal.tables.frozen_listing import FrozenAt, find_files
from shoal.tables.session import Database

Answer = dict[str, Any]
"""A dataset's answer so far, as current.json has it."""


def find_run_listing(
    database: Database, request: PlanRequest, stores: Stores, scope: Scope, read_answer: Callable[[], Answer | None]
) -> FrozenListing:
    """Take a listing that is there, else list the bucket, or as much of it as events named.

    Makes: listing

    Args:
        database: The plan's session.
        request: What is planned.
        stores: The dataset's buckets.
        scope: Of the source.
        read_answer: Reads the dataset's answer so far; asked where the bucket is listed only.

    Raises:
        EmptyBucketError: No image in scope.
    """
    source, key = request.dataset.source, stores.layout.listing(request.run_key)
    found = key if request.frozen and stores.results.has(key) else None
    if found is None and request.reuse_since is not None:
        since = by_clock_of(stores.source, request.reuse_since)
        found = find_listing(database, stores.layout, source, scope, since)
    if found is not None:
        return view_listing(database, found)
    answer = read_answer()
    mounts, kept, why = request.dataset.mounts, _find_kept(stores, answer), ""
    if request.arrived is not None and request.params.full_scope:
        known = None if answer is None else FrozenAt.of_answer(answer)
        anew: Base | FrozenListing | str = _find_base(source, stores, scope, known, request.arrived)
        if isinstance(anew, Base):
            anew = freeze_anew(stores.source, source, anew, database, key, mounts=mounts, kept=kept)
        if isinstance(anew, FrozenListing):
            return anew
        why = anew
    listing = freeze_listing(stores.source, source, scope, database, key, mounts=mounts, kept=kept)
    return replace(listing, why_whole=why)


def _find_base(source: Source, stores: Stores, scope: Scope, known: FrozenAt | None, arrived: Arrived) -> Base | str:
    """Choose what to list: what events named, and the newest folders, where a lost event costs nothing; or say why all of it."""
    base = find_base(stores, source, scope, known, arrived)
    if isinstance(base, str):
        return base
    look = look_at_newest(stores.source, source, begin_at(scope.prefix), to_end=False)
    return base.widened(scope.prefix, [leaf for leaf in look.leaves if leaf != scope.prefix])


def _find_kept(stores: Stores, answer: Answer | None) -> frozenset[str]:
    """Name the files of the answer's listing, which `gc` keeps whatever their age; none where it cannot be read."""
    if answer is None:
        return frozenset()
    try:
        return frozenset(find_files(stores.results, FrozenAt.of_answer(answer).key))
    except ContractError:  # whoever needs it says so; here it costs some uploads
        return frozenset()
