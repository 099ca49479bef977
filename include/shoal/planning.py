"""From bucket to plan: list, freeze, join with what is settled, capacity, choose, cut into shards, write."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from shoal.approval import Approval, Asks, Rate, Work, decide
from shoal.capacity import Capacity
from shoal.clock import narrow_listing, view_clocked
from shoal.contract.job import ShardJob
from shoal.contract.layout import VariantLayout
from shoal.contract.rows import MANIFEST_COLUMNS
from shoal.current import read_current
from shoal.database import Database, open_database
from shoal.dataset import Dataset
from shoal.guard import Drift, close_copied, copy_rows, count_changed, count_gone
from shoal.ledger import list_settled
from shoal.listing import FrozenListing, Scope, count_images, find_listing, freeze_listing, view_listing
from shoal.open_images import find_open_images
from shoal.overlap import IsRunning, find_taken
from shoal.plan import (
    UNMEASURED,
    Plan,
    PlannedShard,
    PlannedWork,
    images_in_budget,
    mint_run_key,
    shard_count,
)
from shoal.releases import ChosenRelease, Shelf, choose_release
from shoal.run_params import RunParams
from shoal.silence import find_silent
from shoal.stores import Stores
from shoal.variant import Variant


@dataclass(frozen=True)
class PlanRequest:
    """Who plans what.

    Attributes:
        dataset: The dataset.
        params: What the person who started the run said.
        dag_id: DAG that plans, empty when none does.
        run_id: Its Dag run.
        max_shards: Airflow's max_map_length.
        run_key: The run; its time is that of its listing.
        again: Whether images that have a row are taken too: a check tries the whole way every time.
        frozen: Whether the run's listing is frozen already: a run that waited for room does not list again.
        reuse_since: A listing that another run froze at this time or later serves as well; None to list anew.
        is_running: Tells of another Dag run, by dag_id and run_id, whether it still runs.
        asks: When this run asks a person.
    """

    dataset: Dataset
    params: RunParams
    dag_id: str = ""
    run_id: str = ""
    max_shards: int = 1024
    run_key: str = field(default_factory=lambda: mint_run_key(datetime.now(UTC)))
    again: bool = False
    frozen: bool = False
    reuse_since: datetime | None = None
    is_running: IsRunning = lambda _dag_id, _run_id: False
    asks: Asks = Asks.AGAIN


def make_plan(request: PlanRequest, stores: Stores, find_room: Callable[[], Capacity]) -> Plan:
    """Plan a run and write listing, manifest, `variant.json` and last `plan.json`.

    Args:
        request: What to plan.
        stores: The dataset's buckets.
        find_room: Counts the pods that may start now; asked only when something is to be inferred.

    Raises:
        ConfigError: Bucket, model or a setting is wrong.
        InsufficientCapacityError: Something is to be inferred and no pod fits now; the listing is frozen, nothing else written.
        StoreError: A store does not answer.
    """
    dataset, params, run_key = request.dataset, request.params, request.run_key
    shelf = Shelf(stores, dataset, params.model_version)
    shelf.first()  # a model that cannot be used is said before millions of keys are listed
    scope = Scope.of(dataset.source, params)
    with open_database(stores.results) as database:
        listing = _list_scope(database, request, stores, scope)
        silent = find_silent(database, dataset, listing.listed_at) if params.full_scope else None
        chosen = choose_release(shelf, request.asks, lambda variant: _count_work(database, request, stores, variant))
        layout = stores.layout.variant(chosen.variant.directory)
        parts, ledgers = list_settled(stores.results, layout)
        settled = [] if request.again else [*ledgers, *parts]
        to_infer = find_open_images(database, settled, params, run_key)
        drift = _guard(database, request, stores, listing, to_infer)
        if drift.copied:
            to_infer -= drift.copied
            parts = [*parts, *_copy_rows(database, request, layout)]
        rate = _measure_rate(database) if to_infer else UNMEASURED
        approval = _approve(request, chosen, Work(to_infer, rate))
        free = _leave_to_others(database, request, layout, to_infer) if to_infer and approval.decision.starts else 0
        if free and _mounts(dataset):
            listing.largest.check()
        work = _plan_work(database, request, find_room, rate, free) if free else PlannedWork(None, rate, ())
        if work.shards:
            database.store_parquet(
                f"SELECT {', '.join(MANIFEST_COLUMNS)} FROM chosen ORDER BY key", layout.run(run_key).manifest
            )
    plan = Plan(
        run_key=run_key,
        dag_id=request.dag_id,
        run_id=request.run_id,
        dataset=dataset,
        params=params,
        scope=scope,
        variant=chosen.variant,
        listing_key=listing.key,
        listing=listing.counts,
        listed=listing.counts.images,
        reused=listing.counts.images - to_infer,
        drift=drift,
        work=work,
        ledgers=ledgers,
        parts=parts,
        silent=silent,
        job=_job(dataset, chosen.variant, layout, run_key),
        approval=approval,
        selected=chosen.selected,
        passed_over=chosen.passed_over,
    )
    if stores.results.find_bytes(layout.variant) is None:
        stores.results.write_json(layout.variant, chosen.variant.to_json())
    stores.results.write_json(layout.run(run_key).plan, plan.to_json())
    return plan


def _list_scope(database: Database, request: PlanRequest, stores: Stores, scope: Scope) -> FrozenListing:
    """Make the table or view `listing`: the run's own if it waited for room, a fresh one of another run, else a new one."""
    dataset, key = request.dataset, stores.layout.listing(request.run_key)
    found = key if request.frozen else None
    if found is None and request.reuse_since is not None:
        found = find_listing(database, stores.layout, dataset.source, scope, request.reuse_since)
    if found is None:
        listing = freeze_listing(stores.source, dataset.source, scope, database, key, mounts=_mounts(dataset))
    else:
        listing = view_listing(database, found)
    if scope.window.is_open:
        return listing
    narrow_listing(database, dataset.clock, scope.window)
    return replace(listing, counts=count_images(database, listing.counts))


def _guard(database: Database, request: PlanRequest, stores: Stores, listing: FrozenListing, to_infer: int) -> Drift:
    """Measure how the bucket differs from what is known of it, and stop at what nobody accepted."""
    if request.again:
        return Drift()
    answer = read_current(stores.results, stores.layout)
    scope = Scope.of(request.dataset.source, request.params)
    drift = count_gone(database, listing.key, None if answer is None else answer["listing"], scope)
    drift.check(request.params)
    if to_infer:
        drift = count_changed(database, drift, listing.counts.images - to_infer)
        drift.check(request.params)
    return replace(drift, copied=drift.changed) if request.params.accept_changed == "same" else drift


def _copy_rows(database: Database, request: PlanRequest, layout: VariantLayout) -> list[str]:
    """Close the images whose rows are copied; write those rows, which a plan alone does not, and list their part."""
    part = [] if request.params.plan_only else [copy_rows(database, layout, request.run_key)]
    close_copied(database)
    return part


def _mounts(dataset: Dataset) -> bool:
    return dataset.cluster.kind == "kubernetes" and dataset.cluster.pod.transfer == "mount"


def _count_work(database: Database, request: PlanRequest, stores: Stores, variant: Variant) -> Work:
    """Count what a variant still has to infer in the listing of this run."""
    parts, ledgers = list_settled(stores.results, stores.layout.variant(variant.directory))
    images = find_open_images(database, [*ledgers, *parts], request.params, request.run_key)
    return Work(images, _measure_rate(database))


def _approve(request: PlanRequest, chosen: ChosenRelease, work: Work) -> Approval:
    threshold, standing = request.dataset.run.approval_cpu_hours, chosen.standing
    decision = decide(work, threshold, standing.answer, request.asks, in_use=standing.in_use)
    return Approval(decision, work, threshold, standing.answer)


def _leave_to_others(database: Database, request: PlanRequest, layout: VariantLayout, to_infer: int) -> int:
    """Make `free_images`: the open images that no other run is at work on; return how many."""
    own = (request.dag_id, request.run_id)
    taken = find_taken(database.results, layout, own, request.is_running)
    if not taken:
        database.run("CREATE VIEW free_images AS SELECT * FROM open_images")
        return to_infer  # counting them again would join the whole listing again
    database.view_parquet("taken", taken, MANIFEST_COLUMNS)
    database.run("CREATE VIEW free_images AS SELECT open_images.* FROM open_images ANTI JOIN taken USING (key, etag)")
    return int(database.value("SELECT count(*) FROM free_images"))


def _plan_work(
    database: Database, request: PlanRequest, find_room: Callable[[], Capacity], rate: Rate, to_infer: int
) -> PlannedWork:
    dataset = request.dataset
    capacity = find_room()
    most = images_in_budget(capacity.pods, dataset.run.budget.total_seconds(), rate.seconds_per_image)
    if to_infer <= most:
        database.run("CREATE VIEW picked AS SELECT * FROM free_images")
    else:
        _pick_newest(database, dataset, most)
    images = min(to_infer, most)
    shards = shard_count(images, capacity.pods, rate.seconds_per_image, request.max_shards)
    return PlannedWork(capacity, rate, _cut(database, images, shards))


def _measure_rate(database: Database) -> Rate:
    seconds = database.value("SELECT avg(seconds) FROM stored_rows WHERE status = 'processed'")
    return UNMEASURED if seconds is None else Rate(max(float(seconds), 0.001), "measured")


def _pick_newest(database: Database, dataset: Dataset, most: int) -> None:
    """Fill the table `picked` with as many open images as the time box has room for."""
    view_clocked(database, dataset.clock)
    database.run(
        "CREATE TABLE picked AS SELECT free_images.* FROM free_images JOIN clocked USING (key) "
        "ORDER BY coalesce(captured_at, clocked.last_modified) DESC, key LIMIT ?",
        [most],
    )


def _cut(database: Database, images: int, shards: int) -> tuple[PlannedShard, ...]:
    """Fill the table `chosen`: the images of `picked`, cut into shards contiguous in key order."""
    # Numbering sorted rows streams; ntile() would hold them all.
    database.run(
        "CREATE TABLE chosen AS SELECT *, ((row_number() OVER () - 1) * ? // ?)::INTEGER AS shard "
        "FROM (SELECT * FROM picked ORDER BY key)",
        [shards, images],
    )
    found = database.records(
        "SELECT shard, count(*)::BIGINT AS images, min(key) AS first_key, max(key) AS last_key FROM chosen GROUP BY 1 ORDER BY 1"
    )
    return tuple(PlannedShard(**record) for record in found)


def _job(dataset: Dataset, variant: Variant, layout: VariantLayout, run_key: str) -> ShardJob:
    return ShardJob(
        run_key=run_key,
        source_bucket=dataset.source.bucket,
        models_bucket=dataset.models.bucket,
        model_key=variant.release.key,
        model_sha256=variant.release.sha256,
        results_bucket=dataset.results.bucket,
        variant_root=layout.root,
        inference=variant.inference,
        budget_s=dataset.run.budget.total_seconds(),
        tolerated_failed_share=dataset.run.tolerated_failed_share,
    )
