"""One shard, wherever the run's plan has its workers: one task for all engines, since a dataset file may change in flight."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pkgutil import resolve_name
from typing import Any, Protocol

from airflow.sdk import BaseOperator, Context

from shoal.airflow.operators.frozen_run import FrozenRun, engine_of_run, frozen_run, where_it_works
from shoal.airflow.operators.translate import translated_errors
from shoal.airflow.pages.links import PlanLink
from shoal.models.approval import need_answer


class ShardRunner(Protocol):
    """What runs a shard on one kind of engine; made anew whenever a task begins or goes on.

    Args:
        task_id: The task whose part it is.
        cluster: Where the run's workers are, as `where_it_works` says it.
        find_run: Reads what the plan froze, once; a pod that has done its work is judged without.
        shard: One element of what the plan returned.
    """

    def __init__(
        self, *, task_id: str, cluster: Mapping[str, str], find_run: Callable[[], FrozenRun], shard: Mapping[str, Any]
    ) -> None: ...

    def begin(self, context: Context) -> None:
        """Make an attempt."""
        ...

    def stop(self) -> None:
        """Stop the worker; it writes what it has."""
        ...


class ShardOperator(BaseOperator):
    """Run the worker over one shard: a process beside Airflow, or a pod that is waited for without holding a task slot.

    The task's state decides nothing: rows do. Before every attempt but the first, cleared or retried, the shard is joined
    with what is settled now, so nothing is inferred twice and a shard without open images starts nothing. Everything it needs
    to know stands in the run's plan, whatever the dataset file says by then.

    Args:
        dataset: The dataset's settings, as `Dataset.model_dump(mode="json")` writes them.
        shard: One element of what the plan returned.
        home: Names the folder of the dataset file, see `bundled`.
    """

    template_fields: Sequence[str] = ("shard",)
    ui_color = "#d9efe3"
    operator_extra_links = (PlanLink(),)

    def __init__(self, *, dataset: dict[str, Any], shard: dict[str, Any], home: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.home = home
        self.shard = shard
        self._runner: Any = None

    @property
    def linked_run(self) -> dict[str, Any]:
        """The run whose plan the button shows."""
        return self.shard

    def execute(self, context: Context) -> None:
        """Make an attempt, unless nobody allowed the work."""
        self._open().begin(context)

    def try_again(self, context: Context, event: Any, waiting: dict[str, Any]) -> None:
        """Start the pod after a ResourceQuota was full."""
        self._open().try_again(context, event, waiting)

    def trigger_reentry(
        self, context: Context, event: dict[str, Any], cluster: dict[str, str] | None = None, **kept: Any
    ) -> None:
        """Judge a pod that was waited for, and go on from there."""
        self._open(cluster).trigger_reentry(context, event, **kept)

    def on_kill(self) -> None:
        """Stop the worker; it writes what it has."""
        if self._runner is not None:
            self._runner.stop()

    def _open(self, cluster: Mapping[str, str] | None = None) -> Any:
        find_run = cache(self._find_run)
        with translated_errors():
            place = cluster or where_it_works(find_run().dataset)
            runner = resolve_name(engine_of_run(self.dataset, place).runner)
            self._runner = runner(task_id=self.task_id, cluster=place, find_run=find_run, shard=self.shard)
        return self._runner

    def _find_run(self) -> FrozenRun:
        run = frozen_run(self.dataset, self.shard)
        need_answer(run.stores.results, run.stores.layout.variant(self.shard["variant"]), run.plan)
        return run
