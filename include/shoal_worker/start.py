"""From the command line to the loop: reads plan, manifest and model, opens the source."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from shoal.contract.errors import ConfigError, ContractError
from shoal.contract.job import ShardJob
from shoal.contract.json_bounds import IN_TASKS, PLAN_BYTES, most_manifest_bytes, read_object
from shoal.contract.run_layout import RunLayout
from shoal.contract.worker_command import WorkerCommand
from shoal.stores.kinds import open_from_env
from shoal.stores.object_store import ObjectStore
from shoal_worker.planned import count_images, read_planned

if TYPE_CHECKING:
    from shoal_worker.loop.ending import Ending
    from shoal_worker.loop.stop import StopRequest

PLAN_NAME = "plan.json"


def run(command: WorkerCommand, stop: "StopRequest") -> "Ending":
    """Examine one shard.

    Raises:
        ConfigError, ContractError: A retry cannot help.
        StoreError: The store did not give plan, manifest or model.
    """
    results = open_from_env("results", command.results_bucket)
    plan = _read_plan(results, command.plan)
    job, images = ShardJob.from_plan(plan), count_images(plan)
    # OpenCV reads its own limit once, when it is loaded: the modules that load it are imported only now.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(job.inference.pixel_limit)
    from shoal_worker.assemble import run_shard  # noqa: PLC0415
    from shoal_worker.own_images import download_own  # noqa: PLC0415
    from shoal_worker.rows.parts import read_manifest  # noqa: PLC0415

    beside, planned = _manifest_beside(command.plan), images.get(command.shard, 0)
    manifest = command.manifest or beside
    if manifest is None:
        raise ConfigError(
            f"Plan key {command.plan!r} does not end with {PLAN_NAME} - give the manifest with --manifest"
        )
    with tempfile.TemporaryDirectory(prefix="shoal-manifest-") as folder:
        path = Path(folder, "manifest.parquet")
        download_own(results, manifest, path, command.shard, most_manifest_bytes(sum(images.values())))
        own = read_manifest(path, command.shard, planned, some=manifest != beside)
    return run_shard(command, job, results, own, stop)


def _read_plan(results: ObjectStore, key: str) -> dict[str, object]:
    data = read_planned(results, key, IN_TASKS * PLAN_BYTES)
    try:
        return read_object(data)
    except ContractError as err:
        raise ContractError(f"{key} is no plan ({err}) - plan the run again") from err


def _manifest_beside(plan: str) -> str | None:
    return RunLayout(plan.removesuffix(PLAN_NAME)).manifest if plan.endswith(PLAN_NAME) else None
