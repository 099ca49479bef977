"""What every attempt at a shard begins with, wherever its worker runs."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.contract.layout import mint_attempt
from shoal.database import open_database
from shoal.dataset import Dataset
from shoal.hooks.object_store import read_access
from shoal.planning import write_remaining
from shoal.stores import Stores, open_stores

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Waiting:
    """What a task takes with it while it waits for a ResourceQuota.

    Attributes:
        attempt: The attempt that found it full.
        left: Images of that attempt's own manifest; 0 when it has the plan's.
        waited_s: Seconds waited until now.
        said: What the API server said last.
    """

    attempt: str
    left: int
    waited_s: float = 0.0
    said: str = ""


@dataclass(frozen=True)
class ShardWork:
    """One attempt at one shard.

    Attributes:
        attempt: 8 characters that name it.
        left: Images of its own manifest; 0 when it has the plan's.
        stores: The dataset's buckets.
        run_key: The run.
        shard: Number of the shard.
        first_key: First of the shard's keys.
        arguments: Command line of the worker's `run`.
    """

    attempt: str
    left: int
    stores: Stores
    run_key: str
    shard: int
    first_key: str
    arguments: tuple[str, ...]


def prepare_shard(
    dataset: Dataset, shard: Mapping[str, Any], try_number: int, waiting: Waiting | None = None
) -> ShardWork | None:
    """Decide what an attempt infers: the shard's images, from the second attempt on those without a row.

    Args:
        dataset: The dataset.
        shard: One element of what the plan returned.
        try_number: Airflow's count of attempts; clearing goes on counting.
        waiting: What the task brings from its wait, if it waited.

    Returns:
        None when nothing is left.

    Raises:
        ConfigError: A connection is wrong.
        StoreError: The results bucket does not answer.
    """
    attempt, left, number = mint_attempt(), 0, int(shard["shard"])
    stores = open_stores(dataset, read_access)
    layout = stores.layout.variant(shard["variant"])
    run = layout.run(shard["run_key"])
    manifest = run.manifest
    if try_number > 1:
        with open_database(stores.results) as database:
            written = waiting.left if waiting else 0
            left = write_remaining(database, layout, shard["run_key"], number, attempt, written=written)
        if left == 0:
            log.info("shard %s: nothing left to infer", number)
            return None
        if waiting and left == waiting.left:
            attempt = waiting.attempt
        else:
            log.info("shard %s: %s images left of an earlier attempt", number, left)
        manifest = run.remaining(number, attempt)
    options = {
        "--results-bucket": dataset.results.bucket,
        "--plan": run.plan,
        "--manifest": manifest,
        "--shard": str(number),
        "--attempt": attempt,
    }
    words = tuple(word for option in options.items() for word in option)
    plan = stores.results.read_json(run.plan)
    return ShardWork(attempt, left, stores, shard["run_key"], number, plan["shards"][number]["first_key"], words)
