"""From bucket to plan: list, freeze, join with what is settled, capacity, choose, cut into shards, write."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

from shoal.bucket.drift import Drift
from shoal.bucket.listing import FrozenListing, Scope
from shoal.bucket.silent_cameras import Silent
from shoal.capacity.share import Capacity
from shoal.contract.errors import ConfigError, ShoalError
from shoal.contract.job import ShardJob, ThenModel
from shoal.contract.layout import VariantLayout
from shoal.models.approval import Approval, Work, cores_of, decide
from shoal.models.choice import ChosenRelease, Shelf, choose_release
from shoal.plan.cut_shards import Supply
from shoal.plan.document import Plan
from shoal.plan.logins import doubts_about_logins, kinds_of_login
from shoal.plan.moved import Moved, is_about_others, look_back
from shoal.plan.plan_session import PlanSession
from shoal.plan.planned_work import UNMEASURED, PlannedWork
from shoal.plan.request import PlanRequest
from shoal.plan.run_keys import RunKeys, find_run_keys
from shoal.results.compared_with import choose_compared_with
from shoal.results.ledger import list_settled
from shoal.results.read_again import read_listed
from shoal.settings.dataset_stores import Stores
from shoal.tables.clock_table import ClockTable
from shoal.tables.session import Database


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
    begun, once = [request], cache(find_room)  # room that was promised is promised once

    def plan_now(database: Database) -> Plan:
        now = begun.pop() if begun else replace(request, frozen=True)  # the bucket is not listed a second time
        return _plan(database, now, stores, shelf, once)

    plan = _with_comparison(read_listed(stores.results, request.dataset.run, plan_now), stores)
    plan = replace(plan, versions=shelf.available)
    layout = stores.layout.variant(plan.variant.directory)
    if not stores.results.has(layout.variant):
        stores.results.write_json(layout.variant, plan.variant.to_json())
    stores.results.write_json(layout.run(request.run_key).plan, plan.to_json())
    return plan


def _with_comparison(plan: Plan, stores: Stores) -> Plan:
    directory, may = plan.variant.directory, plan.may_become_current
    with_ = choose_compared_with(stores.results, stores.layout, directory, may_become_current=may)
    return replace(plan, compared_with=with_)


def _plan(
    database: Database, request: PlanRequest, stores: Stores, shelf: Shelf, find_room: Callable[[], Capacity]
) -> Plan:
    """Find the work, choose from it, and write the manifest."""
    session = PlanSession(database, request, stores)
    found = _find_work(session, request, stores, shelf)
    work = _plan_work(session, request, find_room, found)
    if work.shards:
        session.store_manifest(found.layout.run(request.run_key).manifest, work.images)
    job = _job(request, found)
    if work.shards:
        job = replace(job, read_before=session.find_read_before(), elsewhere=session.find_elsewhere())
    return _compose(request, stores, found, work, job)


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
        archived: Those that lie in an archive: not among them.
        drift: How the bucket differs from what was known of it.
        approval: Whether those images may be inferred.
        starts_over: Whether rows that there are cannot be used again.
        clock: What the dataset's clock understood of the listing.
        remarks: What is odd in the listing's names and corrected times, besides the clock's table.
    """

    listing: FrozenListing
    silent: tuple[Silent, ...] | None
    chosen: ChosenRelease
    layout: VariantLayout
    ledgers: list[str]
    parts: list[str]
    to_infer: int
    archived: int
    drift: Drift
    approval: Approval
    starts_over: bool
    clock: ClockTable
    remarks: tuple[str, ...]


def _find_work(session: PlanSession, request: PlanRequest, stores: Stores, shelf: Shelf) -> _Found:
    """List the bucket, choose the model, subtract what is settled."""
    listing = _list(session, request, stores)
    session.foresee(listing)
    session.read_times()
    silent = session.look_for_silence(listing)
    clock, remarks = session.read_clock_table(), session.read_remarks()
    chosen = choose_release(shelf, request.asks, session.count_work)
    layout = stores.layout.variant(chosen.variant.directory)
    parts, ledgers = list_settled(stores.results, layout)
    to_infer = session.find_open(ledgers, parts)
    archived = session.count_archived()
    moved = Moved() if request.again else look_back(stores, request.dataset, request.place_before, request.neighbours)
    drift = session.guard(listing.counts.images - to_infer - archived, listing, to_infer, moved.source)
    if drift.copied:
        to_infer -= drift.copied
        parts = [*parts, *session.copy_moved(layout)]
    rate = session.measure_rate() if to_infer else UNMEASURED
    approval = _approve(request, stores, chosen, Work(to_infer, rate, cores_of(request.dataset)), moved)
    return _Found(
        listing,
        silent,
        chosen,
        layout,
        ledgers,
        parts,
        to_infer,
        archived,
        drift,
        approval,
        session.starts_over(),
        clock,
        (*listing.describe_anew(), *_say_moved(moved, to_infer, listing.nothing), *remarks),
    )


def _list(session: PlanSession, request: PlanRequest, stores: Stores) -> FrozenListing:
    """List the scope; where there is nothing, an edited dataset file is a likelier cause than a bucket that was emptied."""
    try:
        return session.list_scope()
    except ConfigError as err:
        try:
            moved = look_back(stores, request.dataset)
        except ShoalError:
            raise err from None  # the results bucket's own trouble does not hide what was found first
        raise moved.say_nothing_there(err, whole=request.params.full_scope) from err


def _say_moved(moved: Moved, to_infer: int, nothing: str) -> list[str]:
    """Say what was changed where it costs something, or is why a month has no image."""
    if nothing and moved.source:
        return moved.describe()
    return moved.describe(to_infer) if to_infer else []


def _approve(request: PlanRequest, stores: Stores, chosen: ChosenRelease, work: Work, moved: Moved) -> Approval:
    """Decide about the work; images of another bucket or prefix than before are as new as another model version."""
    threshold, standing = request.dataset.run.approval_cpu_hours, chosen.standing
    answer, void_at = standing.answer, None
    if answer is not None and answer.yes:
        layout = stores.layout.variant(chosen.variant.directory)
        if is_about_others(stores.results, layout, answer, request.dataset):
            void_at, answer = answer.at, None
    in_use = standing.in_use and not moved.source
    decision = decide(work, threshold, answer, request.asks, in_use=in_use)
    return Approval(decision, work, threshold, answer, void_at)


def _plan_work(
    session: PlanSession, request: PlanRequest, find_room: Callable[[], Capacity], found: _Found
) -> PlannedWork:
    """Choose what this run infers, where that is allowed and nobody else does; ask for room only then."""
    rate, free = found.approval.work.rate, 0
    if found.to_infer and found.approval.decision.starts:
        free = session.leave_to_others(found.layout, found.to_infer)
    if free == 0:
        return PlannedWork(None, rate, ())
    if request.dataset.mounts:
        found.listing.largest.check()
    return session.cut(Supply(find_room(), rate, request.max_shards), free)


def _compose(request: PlanRequest, stores: Stores, found: _Found, work: PlannedWork, job: ShardJob) -> Plan:
    counts, accesses = found.listing.counts, stores.accesses()
    run_keys = find_run_keys(request.dataset, stores, job) if work.shards else RunKeys()
    by_connection = {role: access for role, access in accesses.items() if role not in run_keys.roles}
    return Plan(
        run_key=request.run_key,
        dag_id=request.dag_id,
        run_id=request.run_id,
        installation=request.installation,
        dataset=request.dataset,
        params=request.params,
        scope=Scope.of(request.dataset.source, request.params),
        variant=found.chosen.variant,
        listing_key=found.listing.key,
        listing=counts,
        listed_at=found.listing.moment,
        listed=counts.images,
        reused=counts.images - found.to_infer - found.archived,
        archived=found.archived,
        drift=found.drift,
        work=work,
        ledgers=found.ledgers,
        parts=found.parts,
        silent=found.silent,
        job=job,
        approval=found.approval,
        selected=found.chosen.selected,
        passed_over=found.chosen.passed_over,
        nothing=found.listing.nothing,
        arrived=request.arrived,
        starts_over=found.starts_over,
        clock=found.clock,
        remarks=found.remarks,
        credentials=kinds_of_login(accesses),
        login_words=doubts_about_logins(request.dataset, by_connection, datetime.now(UTC)) if work.shards else (),
        run_keys=run_keys,
    )


def _job(request: PlanRequest, found: _Found) -> ShardJob:
    dataset, variant = request.dataset, found.chosen.variant
    then = variant.then
    return ShardJob(
        run_key=request.run_key,
        source_bucket=dataset.source.place,
        models_bucket=dataset.models.bucket,
        model_key=variant.release.key,
        model_sha256=variant.release.sha256,
        results_bucket=dataset.results.bucket,
        variant_root=found.layout.root,
        inference=variant.inference,
        budget_s=dataset.run.budget.total_seconds(),
        tolerated_failed_share=dataset.run.tolerated_failed_share,
        model_files=variant.release.files,
        batch=dataset.worker.batch,
        then_model=None if then is None else ThenModel(then.key, then.sha256, then.files),
        service=variant.release.service,
        ground=found.listing.ground,
    )
