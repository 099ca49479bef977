"""From open images to shards: as many as room and time box allow, the newest first, cut in key order."""

import math
from dataclasses import dataclass

from shoal.capacity.share import Capacity
from shoal.models.approval import Rate
from shoal.plan.planned_work import PlannedShard, PlannedWork, images_in_budget, shard_count
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

_ROW_BYTES, _FOOTER_BYTES = 23, 750
"""Of a row of a manifest, and of what its footer says of a row group, as `benchmarks/worker_manifest.py` lays them."""
_STEP_ROWS = 2048
"""DuckDB's vectors, in which it cuts row groups."""
MOST_STEPS = 48
"""Row groups no larger than those of other files."""


@dataclass(frozen=True)
class Supply:
    """What there is to infer with.

    Attributes:
        capacity: The pods that may start now.
        rate: Seconds that an image takes.
        max_shards: Airflow's max_map_length.
    """

    capacity: Capacity
    rate: Rate
    max_shards: int


def cut_shards(database: Database, dataset: Dataset, supply: Supply, free: int) -> PlannedWork:
    """Fill the table `chosen`: images of the view `free_images`, each with its shard.

    Reads: clocked, free_images, stored_rows
    Makes: picked, chosen

    Args:
        database: Holds `free_images` and `clocked`.
        dataset: Its time box.
        supply: What there is to infer with.
        free: How many images `free_images` has, at least 1.
    """
    capacity, seconds_per_image = supply.capacity, supply.rate.seconds_per_image
    most = images_in_budget(capacity.pods, dataset.run.budget.total_seconds(), seconds_per_image)
    if free <= most:
        database.run("CREATE VIEW picked AS SELECT * FROM free_images")
    else:
        _pick_newest(database, most)
    images = min(free, most)
    shards = shard_count(images, capacity.pods, seconds_per_image, supply.max_shards)
    return PlannedWork(capacity, supply.rate, cut_in_key_order(database, images, shards))


def group_rows(images: int) -> int:
    """Choose the rows of a manifest's row groups, so that a worker reads least of it: the footer, and one or two of them.

    A row takes some 23 bytes, and the footer 750 of a group. Groups are written in steps of 2,048 rows. A last group of less than
    a step is one with the group before where several threads write, so there is never one group and less than a step.
    """
    steps = max(1, min(round(math.sqrt(images * _FOOTER_BYTES / _ROW_BYTES) / _STEP_ROWS), MOST_STEPS))
    if steps * _STEP_ROWS < images < (steps + 1) * _STEP_ROWS:
        steps += 1
    return _STEP_ROWS * steps


def _pick_newest(database: Database, most: int) -> None:
    """Fill the table `picked` with as many open images as the time box has room for.

    What was denied, changed or gone when a run looked comes behind what no run has looked at, and what was tried longest ago
    first: else images that stay denied would take every time box, and older ones would never be looked at.
    """
    database.run(
        "CREATE TABLE picked AS SELECT free_images.* FROM free_images JOIN clocked USING (key) LEFT JOIN ("
        "SELECT key, object_version, max(run_key) AS tried_by FROM stored_rows "
        "WHERE status NOT IN ('processed', 'failed') GROUP BY key, object_version"
        ") AS tried ON tried.key = free_images.key AND tried.object_version = free_images.object_version "
        "ORDER BY tried_by NULLS FIRST, coalesce(captured_at, clocked.last_modified) DESC, free_images.key LIMIT ?",
        [most],
    )


def cut_in_key_order(database: Database, images: int, shards: int) -> tuple[PlannedShard, ...]:
    """Fill the table `chosen`: the images of `picked`, cut into shards contiguous in key order.

    Reads: picked
    Makes: chosen
    """
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
