"""What every attempt at a shard begins with, wherever its worker runs."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.contract.errors import WorkerCrashError
from shoal.contract.minted_names import mint_attempt
from shoal.contract.worker_command import WorkerCommand
from shoal.results.read_again import read_listed
from shoal.results.read_plan import read_plan
from shoal.settings.dataset_stores import Stores
from shoal.shards.crashes import ShardAttempt, has_crashed, settle_crash
from shoal.shards.own_keys import OwnKeys
from shoal.shards.remaining import write_remaining

log = logging.getLogger(__name__)

MOST_ROUNDS = 20
"""Workers that one task attempt starts at most: a shard that crashes so often has another trouble than its images."""


@dataclass(frozen=True)
class Waiting:
    """What a task takes with it while it waits for a ResourceQuota.

    Attributes:
        attempt: The attempt that found it full.
        left: Images of that attempt's own manifest; 0 when it has the plan's.
        waited_s: Seconds waited until now.
        said: What the API server said last.
        rounds: Workers that the task attempt has started before.
    """

    attempt: str
    left: int
    waited_s: float = 0.0
    said: str = ""
    rounds: int = 0


@dataclass(frozen=True)
class ShardWork:
    """One attempt at one shard.

    Attributes:
        left: Images of its own manifest; 0 when it has the plan's.
        stores: The dataset's buckets.
        run_key: The run.
        first_key: First of the shard's keys.
        command: The worker's command line.
        budget_s: Seconds after which the worker begins no further image.
        own_keys: What its pod logs in with, where it has one.
    """

    left: int
    stores: Stores
    run_key: str
    first_key: str
    command: WorkerCommand
    budget_s: float
    own_keys: OwnKeys


def prepare_shard(
    stores: Stores, shard: Mapping[str, Any], *, repeated: bool, waiting: Waiting | None = None
) -> ShardWork | None:
    """Decide what an attempt infers: the shard's images, from the second attempt on those without a row.

    Args:
        stores: The dataset's buckets.
        shard: One element of what the plan returned.
        repeated: Whether there was an attempt before, in whatever task attempt; one that crashed makes this one careful.
        waiting: What the task brings from its wait, if it waited.

    Returns:
        None when nothing is left.

    Raises:
        StoreError: The results bucket does not answer.
    """
    attempt, left, number = mint_attempt(), 0, int(shard["shard"])
    layout = stores.layout.variant(shard["variant"])
    run = layout.run(shard["run_key"])
    manifest, plan = run.manifest, read_plan(stores.results, run.plan)
    careful = repeated and has_crashed(stores.results, layout, shard["run_key"], number)
    if repeated:
        written = waiting.left if waiting else 0
        left = read_listed(
            stores.results,
            plan.settings.run,
            lambda database: write_remaining(database, layout, shard["run_key"], number, attempt, written=written),
        )
        if left == 0:
            log.info("shard %s: nothing left to infer", number)
            return None
        if waiting and left == waiting.left:
            attempt = waiting.attempt
        else:
            log.info("shard %s: %s images left of an earlier attempt", number, left)
        manifest = run.remaining(number, attempt)
    if careful:
        log.info("shard %s: an earlier attempt crashed, so the first images are tried one by one", number)
    command = WorkerCommand(stores.results.bucket, run.plan, number, attempt, manifest, careful=careful)
    own_keys = OwnKeys.of(plan.settings, plan.job, plan.run_keys.roles)
    first_key, budget_s = plan.shards[number].first_key, plan.job.budget_s
    return ShardWork(left, stores, shard["run_key"], first_key, command, budget_s, own_keys)


def go_on_after(crash: WorkerCrashError, stores: Stores, shard: Mapping[str, Any], attempt: str, rounds: int) -> None:
    """Settle what a crash tells; return when the same task attempt shall start a worker again.

    A poison image must not cost one of Airflow's few attempts: the shard goes on at once, as long as each worker left fewer
    open images than it found.

    Args:
        crash: How the worker ended.
        stores: The dataset's buckets.
        shard: One element of what the plan returned.
        attempt: The worker's attempt.
        rounds: Workers that this task attempt has started.

    Raises:
        WorkerCrashError: The crash, for Airflow to try again.
        ConfigError: More images failed than the dataset tolerates.
        StoreError: The results bucket does not answer.
    """
    layout = stores.layout.variant(shard["variant"])
    crashed = ShardAttempt(layout, shard["run_key"], int(shard["shard"]), attempt)
    aftermath = settle_crash(stores.results, crashed, str(crash), crash.cause)
    if aftermath.blamed_key is not None:
        log.warning("%r was tried alone and ended the worker: failed, killed_worker", aftermath.blamed_key)
    if not aftermath.got_on or rounds >= MOST_ROUNDS:
        raise crash
    log.warning("%s", crash)
