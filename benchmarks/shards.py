"""Photos, a model and two plans in an embedded store: what a worker needs before it can be measured."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from photos import HEIGHT, WIDTH, draw_photo
from yolov8n_graph import build_yolov8n

from shoal.capacity.share import NodeHeadroom
from shoal.contract.minted_names import mint_attempt
from shoal.contract.model_file import MODEL_FILE
from shoal.contract.worker_command import WorkerCommand
from shoal.engines.local.machine import find_room
from shoal.plan.document import Plan
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.settings.dataset import Cluster, Dataset, Model, Models, Results, Source
from shoal.settings.dataset_stores import Stores, open_stores
from shoal.settings.run_form import RunParams
from shoal.stores.s3_access import StoreAccess

PROGRESS_S = 0.05
"""Seconds between two progress lines: often enough that each image's end is known to a few hundredths of a second."""

_DATASET = Dataset(
    name="bench",
    source=Source(conn_id="bench", bucket="images"),
    models=Models(conn_id="bench", bucket="models"),
    results=Results(conn_id="bench", bucket="results"),
    model=Model(name="yolov8n"),
    cluster=Cluster(share=1.0),
)


@dataclass(frozen=True)
class Workplace:
    """Folders that the embedded store serves as buckets.

    Attributes:
        root: Holds one folder per bucket.
        images: Photos of one shard.
        shards: Shards there are photos for.
        size: (width, height) of the photos in pixels.
        distinct: Photos drawn; the others are copies of them under names of their own.
    """

    root: Path
    images: int
    shards: int = 2
    size: tuple[int, int] = (WIDTH, HEIGHT)
    distinct: int = 24

    @property
    def model(self) -> Path:
        """The model file."""
        return self.root / "models" / "yolov8n" / "v1" / MODEL_FILE

    @property
    def photos(self) -> Path:
        """The folder of the photos."""
        return self.root / "images"

    def fill(self) -> None:
        """Write the model and the photos of the shards."""
        (self.root / "results").mkdir(parents=True)
        self.model.parent.mkdir(parents=True)
        self.model.write_bytes(build_yolov8n())
        self.photos.mkdir()
        drawn = [draw_photo(seed, self.size) for seed in range(min(self.distinct, self.shards * self.images))]
        first = datetime(2024, 4, 22, 8, tzinfo=UTC)
        for number in range(self.shards * self.images):
            name = f"{first + timedelta(minutes=number):%Y%m%d-%H%M%S}-IPC608_8B64_165.jpg"
            (self.photos / name).write_bytes(drawn[number % len(drawn)])

    def plan(self, access: StoreAccess, shards: int) -> "PlannedWork":
        """Plan one or two shards of the same size.

        Args:
            access: The running store.
            shards: How many, at most those there are photos for.
        """
        stores = open_stores(_DATASET, lambda _: access)
        nodes = [NodeHeadroom("here", {"cpu": shards, "memory": shards * 4 * 1024**3})]
        plan = make_plan(
            PlanRequest(_DATASET, RunParams(limit=shards * self.images)),
            stores,
            lambda: find_room(_DATASET.cluster, nodes, {"cpu": 1.0, "memory": 2.0 * 1024**3}),
        )
        if [shard.images for shard in plan.work.shards] != [self.images] * shards:
            raise RuntimeError(f"Planned {len(plan.work.shards)} shards, expected {shards} of {self.images} images")
        return PlannedWork(stores, plan)


@dataclass(frozen=True)
class PlannedWork:
    """A plan, ready for any number of attempts at its shards."""

    stores: Stores
    plan: Plan

    def commands(self) -> Sequence[list[str]]:
        """Write the command of one worker per shard, as the operator starts it."""
        run = self.stores.layout.variant(self.plan.variant.directory).run(self.plan.run_key)
        bucket = self.stores.results.bucket
        commands = (
            WorkerCommand(bucket, run.plan, shard.shard, mint_attempt(), progress_interval_s=PROGRESS_S)
            for shard in self.plan.work.shards
        )
        return [[sys.executable, "-m", "shoal_worker", *command.to_words()] for command in commands]
