"""The main job without Airflow: the same plan, worker processes and summary that its tasks call."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from dataset_settings import dataset_settings
from shoal.bucket.arrived import Arrived
from shoal.capacity.share import Capacity, NodeHeadroom
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.minted_names import mint_attempt, mint_run_key
from shoal.contract.units import parse_quantity
from shoal.contract.worker_command import WorkerCommand
from shoal.embedded.samples.scenes import Scene
from shoal.engines.local.machine import find_room
from shoal.history.verify import Verification, verify_run
from shoal.models.approval import Asks
from shoal.plan.document import Plan
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import Stores, open_stores
from shoal.settings.run_form import RunParams
from shoal.stores.s3_access import StoreAccess
from shoal.summary.summarize import summarize_run
from shoal.summary.summarized_run import SummarizedRun
from shoal.tables.session import open_database

INCLUDE = Path(__file__).parents[2] / "include"
ROOM = NodeHeadroom("test-node", {"cpu": 2.0, "memory": 8 * 1024**3})


def find_test_room(dataset: Dataset, *nodes: NodeHeadroom) -> Capacity:
    """Count the workers that fit on machines of tests."""
    request = {name: float(parse_quantity(getattr(dataset.cluster.pod, name))) for name in ("cpu", "memory")}
    return find_room(dataset.cluster, nodes or (ROOM,), request)


@dataclass(frozen=True)
class Pipeline:
    """A dataset with its buckets, and the steps of a run."""

    dataset: Dataset
    stores: Stores

    def put(self, key: str, data: bytes) -> None:
        self.stores.source.write_bytes(key, data)

    def put_scenes(self, scenes: Iterable[Scene]) -> None:
        for scene in scenes:
            self.put(scene.key, scene.jpeg)

    def plan(
        self,
        *,
        beside: str | None = None,
        reuse_since: datetime | None = None,
        asks: Asks = Asks.AGAIN,
        at: datetime | None = None,
        installation: str = "",
        arrived: Arrived | None = None,
        **params: Any,
    ) -> Plan:
        """Plan a run of an Airflow, `beside` another Dag run that is still at work, by a clock that says it is `at`."""
        request = PlanRequest(
            self.dataset, RunParams.parse(params), dag_id=f"reanalyse_{self.dataset.name}",
            run_id="test" if beside is None else f"beside {beside}", installation=installation, is_running=lambda _, run_id: run_id == beside,
            reuse_since=reuse_since,
            asks=asks,
            arrived=arrived,
            run_key=mint_run_key(at or _own_second(self.dataset.name)),
        )  # fmt: skip
        return make_plan(request, self.stores, lambda: find_test_room(self.dataset))

    def infer(self, plan: Plan, shards: Iterable[int] | None = None, *, in_process: bool = True) -> None:
        """Run the worker over shards of a plan, one after the other.

        Args:
            plan: Of this pipeline.
            shards: Their numbers; None means all.
            in_process: Here, which saves seconds: `run_worker` is for tests of what a process does. Not while other
                threads start processes: credentials are in this one's environment meanwhile.
        """
        run_one = run_worker_here if in_process else run_worker
        for shard in [entry.shard for entry in plan.work.shards] if shards is None else shards:
            ended = run_one(self.stores, plan, shard)
            assert ended.returncode == WorkerExit.DONE, ended.stdout

    def summarize(self, plan: Plan) -> SummarizedRun:
        return summarize_run(self.stores, self.stores.layout.variant(plan.variant.directory), plan.run_key)

    def run(self, *, at: datetime | None = None, in_process: bool = True, **params: Any) -> SummarizedRun:
        """Plan, infer, summarize."""
        plan = self.plan(at=at, **params)
        self.infer(plan, in_process=in_process)
        return self.summarize(plan)

    def verify(self, plan_key: str, directory: str) -> Verification:
        return verify_run(self.stores, self.stores.layout.variant(directory), plan_key)

    def rows(self, summary: SummarizedRun) -> dict[str, dict[str, Any]]:
        """Read the rows of a run's own ledger by key."""
        with open_database(self.stores.results) as database:
            database.view_rows([summary.summary["run"]["ledger"]])
            return {row["key"]: row for row in database.records("SELECT * FROM rows")}

    def inferences(self, version: str = "v1") -> dict[str, int]:
        """Count the attempts that inferred each image with a model version; a row may lie in a part and in ledgers."""
        results, root = self.stores.results, self.stores.layout.root
        rows = [
            key for key in results.list_keys(root)
            if f"/{self.dataset.model.name}-{version}-" in f"/{key[len(root):]}" and ("/ledger/" in key or "/parts/" in key)
        ]  # fmt: skip
        with open_database(results) as database:
            database.view_rows(rows)
            return dict(database.run("SELECT key, count(DISTINCT attempt) FROM stored_rows GROUP BY key").fetchall())

    def with_settings(self, **settings: Any) -> "Pipeline":
        """The same buckets under a changed dataset file."""
        dataset = Dataset.model_validate({**self.dataset.model_dump(mode="json"), **settings})
        return Pipeline(dataset, self.stores)


_PLANNED: dict[str, datetime] = {}


def _own_second(dataset: str) -> datetime:
    """Give a dataset's next run a second of its own: runs are told apart by the second, and two of one by chance."""
    now, last = datetime.now(UTC), _PLANNED.get(dataset)
    if last is not None and now < last + timedelta(seconds=1):
        time.sleep((last + timedelta(seconds=1) - now).total_seconds())
        now = datetime.now(UTC)
    _PLANNED[dataset] = now.replace(microsecond=0)
    return now


def few_of(scenes: Iterable[Scene]) -> list[Scene]:
    """Choose twelve daylight scenes, six of each camera."""
    return [scene for scene in scenes if "0602-" in scene.key and scene.fish][:12]


def make_pipeline(access: StoreAccess, models: dict[str, bytes], folder: Path, **settings: Any) -> Pipeline:
    """Make a dataset with three fresh buckets."""
    name = f"t{secrets.token_hex(4)}"
    client = access.connect()
    for role in ("images", "results", "models"):
        client.make_bucket(f"{name}-{role}")
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(dataset_settings(name, "test", **settings)), encoding="utf-8")
    dataset = load_dataset(path)
    pipeline = Pipeline(dataset, open_stores(dataset, lambda _: access))
    for version, model in models.items():
        pipeline.stores.models.write_bytes(f"demo-fish/{version}/model.onnx", model)
    return pipeline


def worker_command(stores: Stores, plan: Plan, shard: int, **options: Any) -> list[str]:
    run = stores.layout.variant(plan.variant.directory).run(plan.run_key)
    command = WorkerCommand(stores.results.bucket, run.plan, shard, mint_attempt(), **options)
    return [sys.executable, "-m", "shoal_worker", *command.to_words()]


def worker_environment(stores: Stores) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(INCLUDE), **stores.worker_env()}


def run_worker(stores: Stores, plan: Plan, shard: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        worker_command(stores, plan, shard),
        env=worker_environment(stores),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def run_worker_here(stores: Stores, plan: Plan, shard: int) -> "subprocess.CompletedProcess[str]":
    """Run the worker as `run_worker` does, in this process: its variables and its threads go as they came."""
    words = worker_command(stores, plan, shard)
    before = dict(os.environ)
    try:
        os.environ.update(stores.worker_env())
        from shoal_worker import __main__ as worker  # sets variables of its own
        from shoal_worker.command_line import make_parser
        from shoal_worker.loop.stop import StopRequest

        arguments = make_parser().parse_args(words[words.index("run") :])
        status, reason = worker._attempt(arguments, StopRequest())
    finally:
        os.environ.clear()
        os.environ.update(before)
    return subprocess.CompletedProcess(words, status, reason)


def beside_report(summary: Mapping[str, Any]) -> list[str]:
    """Name the files of a summary that lie in the folder of its report."""
    return [
        file["key"].rpartition("/")[2]
        for file in summary["files"]
        if file["month"] is None and file["table"] != "explore"
    ]


def numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary's result but for the dataset's name: what two datasets over the same images have in common."""
    return {name: value for name, value in summary["result"].items() if name != "dataset"}
