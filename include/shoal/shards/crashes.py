"""Which image ended a worker: what is noted after a crash, and the row of an image that did it alone.

The first crash says nothing but that the next attempts must be careful. A careful attempt names each image before it tries
it alone; when that attempt crashes too, and the image it named has no row, the image is why.
"""

from dataclasses import dataclass

from shoal.contract.errors import ConfigError
from shoal.contract.failed_share import failed_too_often
from shoal.contract.layout import FORMAT_VERSION, VariantLayout
from shoal.contract.minted_names import mint_attempt
from shoal.contract.rows import NO_IMAGES, ROW_COLUMNS, Reason, Status, ddl
from shoal.contract.stored_json import pick, reading
from shoal.results.read_again import read_listed
from shoal.results.read_plan import read_plan
from shoal.shards.remaining import find_open_of_shard
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database


@dataclass(frozen=True)
class ShardAttempt:
    """One attempt at one shard of a run.

    Attributes:
        layout: The variant.
        run_key: The run.
        shard: Number of the shard.
        attempt: 8 characters that no other attempt has.
    """

    layout: VariantLayout
    run_key: str
    shard: int
    attempt: str


@dataclass(frozen=True)
class Aftermath:
    """What a crash led to.

    Attributes:
        blamed_key: The image that got a row because of it; None when nobody is blamed.
        got_on: Whether the shard has fewer open images than before the attempt.
    """

    blamed_key: str | None
    got_on: bool


def has_crashed(results: ObjectStore, layout: VariantLayout, run_key: str, shard: int) -> bool:
    """Whether an attempt at the shard crashed before: then the next one must be careful."""
    return bool(results.list_keys(layout.run(run_key).crashes(shard)))


def settle_crash(results: ObjectStore, crashed: ShardAttempt, how: str, cause: str = "") -> Aftermath:
    """Note that an attempt crashed, and give the image that it named, and that has no row, the row `failed: killed_worker`.

    Killed in between, this costs one more crash: the image is open as before.

    Args:
        results: The results bucket.
        crashed: The attempt.
        how: One line.
        cause: The same in a few words, for the row.

    Raises:
        ConfigError: More images of the shard failed than the dataset tolerates.
        StoreError: The results bucket does not answer.
    """
    layout, run = crashed.layout, crashed.layout.run(crashed.run_key)
    results.write_json(run.crashed(crashed.shard, crashed.attempt), {"format_version": FORMAT_VERSION, "how": how})
    wrote_parts = bool(results.list_keys(layout.part_prefix(crashed.run_key, crashed.shard, crashed.attempt)))
    name = run.trying(crashed.shard, crashed.attempt)
    named = _read_named(results, name)
    if named is None:
        return Aftermath(None, wrote_parts)

    written: list[str] = []  # by a call whose rows were moved behind it

    def settle_named(database: Database) -> bool:
        find_open_of_shard(database, layout, crashed.run_key, crashed.shard)
        is_open = database.value(
            "SELECT count(*) FROM open_images WHERE key = ? AND object_version = ?",
            [named.key, named.object_version],
        )
        # Empty in a second call: by then the row lies among the stored ones.
        database.run(f"CREATE TABLE killed_worker ({ddl(ROW_COLUMNS)})")
        if is_open and not written:
            _write_row(database, crashed, named, cause)
            written.append(named.key)
        if written:
            _check_failed_share(database, crashed)
        return bool(written)

    is_open = read_listed(results, read_plan(results, run.plan).settings.run, settle_named)
    results.delete([name])
    return Aftermath(named.key if is_open else None, wrote_parts or is_open)


@dataclass(frozen=True)
class _Named:
    """The image that a careful attempt tried, as it noted it."""

    key: str
    object_version: str
    size_bytes: int
    worker_version: str


def _read_named(results: ObjectStore, name: str) -> _Named | None:
    found = results.find_json(name)
    if found is None:
        return None
    with reading(name, "delete it: one more attempt finds the image again"):
        return pick(_Named, found)


def _write_row(database: Database, crashed: ShardAttempt, named: _Named, cause: str) -> None:
    """Write a part with one row; the attempt is one of its own, so no part has two writers."""
    attempt = mint_attempt()
    values = {
        "key": named.key,
        "object_version": named.object_version,
        "size_bytes": named.size_bytes,
        "status": str(Status.FAILED),
        "reason": str(Reason.KILLED_WORKER),
        "detail": cause or None,
        "version_checked": False,
        "worker_version": named.worker_version,
        "run_key": crashed.run_key,
        "attempt": attempt,
    }
    marks = ", ".join("?" for _ in values)
    database.run(f"INSERT INTO killed_worker ({', '.join(values)}) VALUES ({marks})", list(values.values()))
    part = crashed.layout.part(crashed.run_key, crashed.shard, attempt, 0)
    database.store_parquet(f"SELECT {', '.join(ROW_COLUMNS)} FROM killed_worker", part)


def _check_failed_share(database: Database, crashed: ShardAttempt) -> None:
    """Judge the shard by all its rows of this run: a worker that was killed cannot.

    Of all its images, not of those that were tried: a worker takes images from all over before it judges, and one that is killed
    leaves the rows of a folder of broken files in front. What a crash costs is bounded by `MOST_ROUNDS`.

    Raises:
        ConfigError: Too many images failed.
    """
    plan = read_plan(database.results, crashed.layout.run(crashed.run_key).plan)
    database.set_variable("no_images", sorted(map(str, NO_IMAGES)))
    (counts,) = database.records(
        "SELECT count(*) FILTER (failed) AS failed FROM (SELECT bool_and(status = 'failed') AS failed "
        "FROM (SELECT * FROM stored_rows UNION ALL BY NAME SELECT * FROM killed_worker) "
        "SEMI JOIN listing USING (key, object_version) "
        "WHERE run_key = getvariable('run_key') AND status IN ('processed', 'failed') "
        "AND coalesce(NOT list_contains(getvariable('no_images'), reason), true) GROUP BY key, object_version)"
    )
    tolerated = plan.job.tolerated_failed_share
    images = next(shard.images for shard in plan.shards if shard.shard == crashed.shard)
    if failed_too_often(counts["failed"], images, tolerated):
        raise ConfigError(
            f"{counts['failed']} of {images} images of shard {crashed.shard} failed, tolerated are {tolerated:.0%}; "
            "the last one killed the worker - look at their reasons, and at cluster.pod.memory"
        )
