"""Attempts at shards as Airflow makes them, with workers that are processes here: what a task does, without a scheduler."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from pipeline import Pipeline
from shoal.contract.errors import WorkerCrashError
from shoal.engines.engine import Connect, DagRunId, open_engine, run_to_end
from shoal.plan.document import Plan
from shoal.shards.attempt import go_on_after, prepare_shard
from shoal.stores.s3_access import StoreAccess


def airflow_connection(store: StoreAccess) -> str:
    """Write the connection `test` as Airflow's environment has it."""
    extra = {"endpoint_url": store.endpoint_url}
    return json.dumps({"conn_type": "generic", "login": store.access_key, "password": store.secret_key, "extra": extra})


def attempt(pipeline: Pipeline, plan: Plan, try_number: int = 1, shard: int = 0) -> None:
    """Make one attempt of Airflow's at one shard."""
    from shoal.airflow.operators.shard import ShardOperator

    element = {"shard": shard, "variant": plan.variant.directory, "run_key": plan.run_key}
    operator = ShardOperator(task_id="infer", dataset=pipeline.dataset.model_dump(mode="json"), shard=element)
    operator.execute({"ti": SimpleNamespace(try_number=try_number)})


@dataclass(frozen=True)
class Attempts:
    """A run whose shards Airflow tried: its summary, and how many attempts that took."""

    summary: Mapping[str, Any]
    attempts: int


def run_with_attempts(pipeline: Pipeline, most: int = 3, **params: Any) -> Attempts:
    """Plan a run of one shard, try it as often as it takes, and summarize it."""
    plan, made = pipeline.plan(**params), 0
    while plan.work.shards and made < most:
        made += 1
        with suppress(WorkerCrashError):
            attempt(pipeline, plan, made)
            break
    return Attempts(pipeline.summarize(plan).summary, made)


def run_where_it_runs(pipeline: Pipeline, connect: Connect, most: int = 3) -> Attempts:
    """Do the same without Airflow and wherever the dataset's workers run: pods are waited for here, and not in a triggerer."""
    plan, made = pipeline.plan(), 0
    engine, owner = open_engine(pipeline.dataset, connect), DagRunId("", "reanalyse", plan.run_key)
    shard = {"shard": 0, "variant": plan.variant.directory, "run_key": plan.run_key}
    while made < most:
        made += 1
        with suppress(WorkerCrashError):
            rounds = 0
            while work := prepare_shard(pipeline.stores, shard, repeated=rounds > 0 or made > 1):
                rounds += 1
                try:
                    run_to_end(engine, work, lambda: owner, print)
                except WorkerCrashError as crash:
                    go_on_after(crash, pipeline.stores, shard, work.command.attempt, rounds)
                else:
                    break
            break
    return Attempts(pipeline.summarize(plan).summary, made)
