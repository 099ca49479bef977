"""A plan of a few images and one worker over them: the last step of a check, whose rows the next run reuses."""

from collections.abc import Callable
from dataclasses import dataclass

from shoal.capacity.share import Capacity
from shoal.contract.minted_names import mint_attempt
from shoal.contract.run_names import CHECK_DAG_ID
from shoal.contract.stored_names import parse_part
from shoal.contract.worker_command import WorkerCommand
from shoal.engines.engine import Connect, DagRunId, open_engine, run_to_end
from shoal.plan.document import Plan
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.results.ledger import list_parts
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.settings.run_form import RunParams
from shoal.shards.attempt import ShardWork
from shoal.shards.own_keys import OwnKeys
from shoal.tables.session import open_database

IMAGES = 20
_ONE_POD = Capacity(1, 1, (), "one pod, for a check")


@dataclass(frozen=True)
class SampleRun:
    """One worker over the first images of a dataset.

    Attributes:
        dataset: The dataset.
        stores: Its buckets.
        plan: A plan of one shard.
    """

    dataset: Dataset
    stores: Stores
    plan: Plan

    @classmethod
    def prepare(cls, dataset: Dataset, stores: Stores) -> "SampleRun":
        """Plan the first images, also those that have a row: two rows of one image say the same and count once."""
        request = PlanRequest(dataset, RunParams(limit=IMAGES), dag_id=CHECK_DAG_ID, again=True)
        return cls(dataset, stores, make_plan(request, stores, lambda: _ONE_POD))

    def run(self, connect: Connect, say: Callable[[str], None]) -> None:
        """Run the worker where the dataset's workers run, wait for it, and leave nothing behind.

        Args:
            connect: Opens the dataset's cluster, where it has one.
            say: Takes what the worker says.

        Raises:
            ConfigError, WorkerError, ClusterError: See `run_to_end`.
        """
        layout = self.stores.layout.variant(self.plan.variant.directory).run(self.plan.run_key)
        command = WorkerCommand(self.stores.results.bucket, layout.plan, 0, mint_attempt())
        first_key, budget_s = self.plan.work.shards[0].first_key, self.dataset.run.budget.total_seconds()
        own_keys = OwnKeys.of(self.plan.dataset, self.plan.job, self.plan.run_keys.roles)
        work = ShardWork(0, self.stores, self.plan.run_key, first_key, command, budget_s, own_keys)
        owner = DagRunId("", CHECK_DAG_ID, self.plan.run_key)
        run_to_end(open_engine(self.dataset, connect), work, lambda: owner, say)

    def count_rows(self) -> tuple[int, float]:
        """Count the rows the worker wrote, and average their seconds."""
        layout = self.stores.layout.variant(self.plan.variant.directory)
        named = {key: parse_part(key) for key in list_parts(self.stores.results, layout)}
        parts = [key for key, name in named.items() if name and name.run_key == self.plan.run_key]
        with open_database(self.stores.results, self.dataset.run) as database:
            database.view_rows(parts)
            (found,) = database.records("SELECT count(*) AS images, coalesce(avg(seconds), 0) AS seconds FROM rows")
        return int(found["images"]), float(found["seconds"])
