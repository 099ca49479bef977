"""One shard as a local process: the same worker, formats and results as in a pod."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from airflow.sdk import Context

from shoal.airflow.engine_of import engine_of
from shoal.airflow.operators.dag_runs import owner_of
from shoal.airflow.operators.frozen_run import FrozenRun
from shoal.airflow.operators.note_failures import noted_failures
from shoal.airflow.operators.translate import translated_errors
from shoal.contract.errors import WorkerCrashError, shown
from shoal.engines.engine import Engine, Owner, run_to_end

log = logging.getLogger(__name__)


class ShardProcess:
    """Runs the worker over one shard, beside Airflow on this machine; see `shard.ShardRunner`."""

    def __init__(
        self, *, task_id: str, cluster: Mapping[str, str], find_run: Callable[[], FrozenRun], shard: Mapping[str, Any]
    ) -> None:
        del task_id, cluster  # a process has no name, and is where its task is
        self._find_run = find_run
        self._shard = shard
        self._engine: Engine | None = None
        self._owner: Owner | None = None

    def begin(self, context: Context) -> None:
        """Start the worker, pass its lines on, judge its exit."""
        from shoal.shards.attempt import go_on_after, prepare_shard  # noqa: PLC0415 - see the package's docstring

        rounds, is_first_try, stores = 0, context["ti"].try_number == 1, self._find_run().stores
        with translated_errors(), noted_failures(lambda: stores, self._shard, context["ti"].try_number):
            self._engine, self._owner = engine_of(self._find_run().dataset), partial(owner_of, context["ti"])
            while work := prepare_shard(stores, self._shard, repeated=rounds > 0 or not is_first_try):
                rounds += 1
                try:
                    run_to_end(self._engine, work, self._owner, lambda line: log.info("%s", shown(line)))
                except WorkerCrashError as crash:
                    go_on_after(crash, work.stores, self._shard, work.command.attempt, rounds)
                else:
                    break

    def stop(self) -> None:
        """Stop the worker; it writes what it has."""
        if self._engine is not None and self._owner is not None:
            self._engine.end(self._owner, 0)
