"""Whether a plan says what its listing, its manifest and its own settings say."""

from collections.abc import Iterator
from dataclasses import asdict

from shoal.bucket.listing import Scope
from shoal.bucket.listing_record import ListingRecord
from shoal.contract.units import utc_text
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset_stores import Stores
from shoal.tables.session import Database


def check_planned(database: Database, stores: Stores, plan: StoredPlan) -> Iterator[str]:
    """G1, G11: the plan's numbers are those of what it froze, and its words follow from its settings.

    Args:
        database: A session with the tables listing and manifest of the run.
        stores: The dataset's buckets.
        plan: The run's plan.
    """
    yield from _check_counts(database, plan)
    yield from _check_shards(database, plan)
    yield from _check_listing(stores, plan)
    scope = Scope.of(plan.settings.source, plan.params).to_json()
    stored = {name: value for name, value in asdict(plan.scope).items() if name in scope}
    if stored != scope:
        yield f"plan: scope of run {plan.run_key} is {stored}, its settings and parameters say {scope}"
    if plan.scope.full != plan.params.full_scope:
        yield f"plan: run {plan.run_key} says full {plan.scope.full}, its parameters make it {plan.params.full_scope}"
    if plan.may_become_current and plan.of_run is None and not plan.params.makes_answer(plan.dag_run.dag_id):
        yield (
            f"plan: run {plan.run_key} says it may become the answer, and was planned by {plan.dag_run.dag_id or 'nobody'} with "
            "parameters of which none does"
        )


def _check_counts(database: Database, plan: StoredPlan) -> Iterator[str]:
    counts = plan.counts
    size = int(database.value("SELECT coalesce(sum(size_bytes), 0)::BIGINT FROM listing"))
    manifest = int(database.value("SELECT count(*) FROM manifest"))
    if counts.listed != counts.reused + counts.chosen + counts.archived + counts.pending:
        yield f"G1: counts of the plan of run {plan.run_key} do not add up: {asdict(counts)}"
    if counts.chosen != manifest:
        yield f"G1: the plan of run {plan.run_key} says {counts.chosen} images to infer, its manifest has {manifest}"
    if plan.listing.size_bytes != size:
        yield f"G1: the plan of run {plan.run_key} says {plan.listing.size_bytes} bytes, its listing has {size}"


def _check_shards(database: Database, plan: StoredPlan) -> Iterator[str]:
    found = {
        shard: keys
        for shard, *keys in database.run(
            "SELECT shard, min(key), max(key) FROM manifest GROUP BY shard"
        ).fetchall()
    }  # fmt: skip
    for shard in plan.shards:
        if found.get(shard.shard, [None, None]) != [shard.first_key, shard.last_key]:
            yield f"G1: shard {shard.shard} of run {plan.run_key} begins or ends with other keys in the manifest than in the plan"


def _check_listing(stores: Stores, plan: StoredPlan) -> Iterator[str]:
    """Hold what the plan tells of its listing against what the listing tells itself."""
    record = ListingRecord.read(stores.results, plan.listing.key)
    if record is None:  # one file, as earlier releases wrote it
        return
    if plan.listing.listed_at is not None and plan.listing.listed_at != utc_text(record.moment.at):
        yield (
            f"plan: run {plan.run_key} says its images were listed at {plan.listing.listed_at}, {plan.listing.key} says "
            f"{utc_text(record.moment.at)}"
        )
    told = plan.json["listing"]
    for name, now in record.counts.left_out().items():
        if name in told and told[name] != now:
            yield f"plan: run {plan.run_key} says {name} {told[name]}, {plan.listing.key} says {now}"
