"""One shard as a local process: the same worker, formats and results as in a pod."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from airflow.sdk import BaseOperator, Context

from shoal.airflow.engine_of import engine_of
from shoal.airflow.operators.dag_runs import owner_of
from shoal.airflow.operators.note_failures import noted_failures
from shoal.airflow.operators.translate import translated_errors
from shoal.airflow.pages.links import PlanLink
from shoal.contract.errors import WorkerCrashError
from shoal.engines.engine import Engine, Owner, run_to_end
from shoal.settings.dataset import Dataset

log = logging.getLogger(__name__)


class ShardProcessOperator(BaseOperator):
    """Run the worker over one shard, beside Airflow on this machine.

    The task's state decides nothing: rows do. Before every attempt but the first, cleared or retried, the shard is joined
    with what is settled now, so nothing is inferred twice.

    Args:
        dataset: The dataset's settings, as `Dataset.model_dump(mode="json")` writes them.
        shard: One element of what the plan returned.
    """

    template_fields: Sequence[str] = ("shard",)
    ui_color = "#d9efe3"
    operator_extra_links = (PlanLink(),)

    def __init__(self, *, dataset: dict[str, Any], shard: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.shard = shard
        self._engine: Engine | None = None
        self._owner: Owner | None = None

    @property
    def linked_run(self) -> dict[str, Any]:
        """The run whose plan the button shows."""
        return self.shard

    def execute(self, context: Context) -> None:
        """Start the worker, pass its lines on, judge its exit."""
        from shoal.airflow.hooks.object_store import read_access  # noqa: PLC0415 - see the package's docstring
        from shoal.settings.dataset_stores import open_stores  # noqa: PLC0415
        from shoal.shards.attempt import go_on_after, prepare_shard  # noqa: PLC0415 - see the package's docstring

        rounds, is_first_try = 0, context["ti"].try_number == 1
        with translated_errors(), noted_failures(self.dataset, self.shard, context["ti"].try_number):
            dataset = Dataset.model_validate(self.dataset)
            self._engine, self._owner = engine_of(dataset), partial(owner_of, context["ti"])
            while work := prepare_shard(
                open_stores(dataset, read_access), self.shard, repeated=rounds > 0 or not is_first_try
            ):
                rounds += 1
                try:
                    run_to_end(self._engine, work, self._owner, lambda line: log.info("%s", line))
                except WorkerCrashError as crash:
                    go_on_after(crash, work.stores, self.shard, work.command.attempt, rounds)
                else:
                    break

    def on_kill(self) -> None:
        """Stop the worker; it writes what it has."""
        if self._engine is not None and self._owner is not None:
            self._engine.end(self._owner, 0)
