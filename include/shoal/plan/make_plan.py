"""From bucket to plan: list, freeze, join with what is settled, capacity, choose, cut into shards, write."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from shoal.bucket.drift import Drift, close_copied, copy_rows, count_changed, count_gone
from shoal.bucket.listing import FrozenListing, Scope, count_images, find_listing, freeze_listing, view_listing
from shoal.bucket.silent_cameras import Silent, find_silent
from shoal.capacity.share import Capacity
from shoal.contract.job import ShardJob
from shoal.contract.layout import VariantLayout, mint_run_key
from shoal.contract.rows import MANIFEST_COLUMNS
from shoal.models.approval import Approval, Asks, Rate, Work, decide
from shoal.models.choice import ChosenRelease, Shelf, choose_release
from shoal.models.variant import Variant
from shoal.plan.cut_shards import Supply, cut_shards
from shoal.plan.document import UNMEASURED, Plan, PlannedWork
from shoal.plan.taken_by_others import IsRunning, find_taken
from shoal.results.answer import read_current
from shoal.results.ledger import list_settled
from shoal.results.open_images import find_open_images
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.settings.run_form import RunParams
from shoal.tables.capture_times import narrow_listing
from shoal.tables.session import Database, open_database


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
    shelf = Shelf(stores, request.dataset, request.params.model_version)
    shelf.first()  # a model that cannot be used is said before millions of keys are listed
    with open_database(stores.results) as database:
        found = _find_work(database, request, stores, shelf)
        work = _plan_work(database, request, find_room, found)
        if work.shards:
            database.store_parquet(
                f"SELECT {', '.join(MANIFEST_COLUMNS)} FROM chosen ORDER BY key",
                found.layout.run(request.run_key).manifest,
            )
    plan = _compose(request, found, work)
    if stores.results.find_bytes(found.layout.variant) is None:
        stores.results.write_json(found.layout.variant, plan.variant.to_json())
    stores.results.write_json(found.layout.run(request.run_key).plan, plan.to_json())
    return plan


@dataclass(frozen=True)
class _Found:
    """What a run found before it looked for room.

    Attributes:
        listing: The bucket's images in scope, frozen.
        silent: Cameras that have stopped sending; None where that is not looked for.
        chosen: The model version.
        layout: The variant's objects.
        ledgers: Ledgers of the variant.
        parts: Its parts that are in no ledger yet.
        to_infer: Images in scope without a row.
        drift: How the bucket differs from what was known of it.
        approval: Whether those images may be inferred.
    """

    listing: FrozenListing
    silent: tuple[Silent, ...] | None
    chosen: ChosenRelease
    layout: VariantLayout
    ledgers: list[str]
    parts: list[str]
    to_infer: int
    drift: Drift
    approval: Approval


def _find_work(database: Database, request: PlanRequest, stores: Stores, shelf: Shelf) -> _Found:
    """List the bucket, choose the model, subtract what is settled."""
    dataset, params = request.dataset, request.params
    listing = _list_scope(database, request, stores, Scope.of(dataset.source, params))
    silent = find_silent(database, dataset, listing.listed_at) if params.full_scope else None
    chosen = choose_release(shelf, request.asks, lambda variant: _count_work(database, request, stores, variant))
    layout = stores.layout.variant(chosen.variant.directory)
    parts, ledgers = list_settled(stores.results, layout)
    settled = [] if request.again else [*ledgers, *parts]
    to_infer = find_open_images(database, settled, params, request.run_key)
    drift = _guard(database, request, stores, listing, to_infer)
    if drift.copied:
        to_infer -= drift.copied
        parts = [*parts, *_copy_rows(database, request, layout)]
    rate = _measure_rate(database) if to_infer else UNMEASURED
    approval = _approve(request, chosen, Work(to_infer, rate))
    return _Found(listing, silent, chosen, layout, ledgers, parts, to_infer, drift, approval)


def _compose(request: PlanRequest, found: _Found, work: PlannedWork) -> Plan:
    counts = found.listing.counts
    return Plan(
        run_key=request.run_key,
        dag_id=request.dag_id,
        run_id=request.run_id,
        dataset=request.dataset,
        params=request.params,
        scope=Scope.of(request.dataset.source, request.params),
        variant=found.chosen.variant,
        listing_key=found.listing.key,
        listing=counts,
        listed=counts.images,
        reused=counts.images - found.to_infer,
        drift=found.drift,
        work=work,
        ledgers=found.ledgers,
        parts=found.parts,
        silent=found.silent,
        job=_job(request.dataset, found.chosen.variant, found.layout, request.run_key),
        approval=found.approval,
        selected=found.chosen.selected,
        passed_over=found.chosen.passed_over,
    )


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
    database: Database, request: PlanRequest, find_room: Callable[[], Capacity], found: _Found
) -> PlannedWork:
    """Choose what this run infers, where that is allowed and nobody else does; ask for room only then."""
    dataset, rate, to_infer = request.dataset, found.approval.work.rate, 0
    if found.to_infer and found.approval.decision.starts:
        to_infer = _leave_to_others(database, request, found.layout, found.to_infer)
    if to_infer == 0:
        return PlannedWork(None, rate, ())
    if _mounts(dataset):
        found.listing.largest.check()
    return cut_shards(database, dataset, Supply(find_room(), rate, request.max_shards), to_infer)


def _measure_rate(database: Database) -> Rate:
    seconds = database.value("SELECT avg(seconds) FROM stored_rows WHERE status = 'processed'")
    return UNMEASURED if seconds is None else Rate(max(float(seconds), 0.001), "measured")


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
