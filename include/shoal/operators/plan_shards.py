"""The first task: what is there, what is new, what fits, who does what."""

import logging
from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context, conf

from shoal.dataset import Dataset
from shoal.operators.errors import translated_errors
from shoal.run_params import RunParams

log = logging.getLogger(__name__)

PLAN_XCOM = "plan"
"""XCom key under which a plan says where it lies, also when it has no shards."""


class PlanShardsOperator(BaseOperator):
    """List the bucket, freeze it, find what is new, compute what fits, and cut it into shards.

    Returns one small dictionary per shard to map over: its number, and which run it belongs to. Every attempt is a plan
    of its own with its own run_key.

    Args:
        dataset: The dataset's settings, as `Dataset.model_dump(mode="json")` writes them.
    """

    ui_color = "#d6e9f2"

    def __init__(self, *, dataset: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset

    def execute(self, context: Context) -> Sequence[dict[str, Any]]:
        """Plan the run and write its plan."""
        from shoal.hooks.object_store import read_access  # noqa: PLC0415 - see the package's docstring
        from shoal.machine import read_headroom  # noqa: PLC0415
        from shoal.planning import PlanRequest, make_plan  # noqa: PLC0415
        from shoal.stores import open_stores  # noqa: PLC0415

        task_instance = context["ti"]
        with translated_errors():
            dataset = Dataset.model_validate(self.dataset)
            request = PlanRequest(
                dataset=dataset,
                params=RunParams.parse(dict(context["params"])),
                dag_id=task_instance.dag_id,
                run_id=task_instance.run_id,
                max_shards=conf.getint("core", "max_map_length"),
            )
            plan = make_plan(request, open_stores(dataset, read_access), [read_headroom()])
        for line in plan.describe():
            log.info("%s", line)
        run = {"variant": plan.variant.directory, "run_key": plan.run_key}
        task_instance.xcom_push(key=PLAN_XCOM, value={**run, "plan_only": request.params.plan_only})
        if request.params.plan_only:
            log.info("plan_only: no shard is started")
            return []
        return [{"shard": shard.shard, **run} for shard in plan.work.shards]
