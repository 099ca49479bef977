"""The teardown: nothing of the run stays behind, and a run without its summary is no success."""

import logging
from typing import Any

from airflow.sdk import BaseOperator, Context

from shoal.airflow.engine_of import engine_of
from shoal.airflow.operators.approve import REFUSED_XCOM
from shoal.airflow.operators.causes import find_cause
from shoal.airflow.operators.dag_runs import owner_of
from shoal.airflow.operators.plan_shards import PLAN_XCOM
from shoal.airflow.operators.translate import translated_errors
from shoal.contract.errors import ConfigError
from shoal.settings.dataset import Dataset

log = logging.getLogger(__name__)

PODS_GONE_S = 120
"""A pod that was told to go has a minute for its part and its mount."""


class EndRunOperator(BaseOperator):
    """Delete what the run owns in the cluster, then judge the run by its summary.

    Made a teardown that may fail the run: Airflow would otherwise call a run that a person marked failed a success, its
    skipped summarize being the last task.

    Args:
        dataset: The dataset's settings, as `Dataset.model_dump(mode="json")` writes them.
        plan_task_id: Task that planned the run.
        approve_task_id: Task that asked whether to infer.
        summarize_task_id: Task that summarizes it.
    """

    ui_color = "#e6e6e6"

    def __init__(
        self,
        *,
        dataset: dict[str, Any],
        plan_task_id: str = "plan",
        approve_task_id: str = "approve",
        summarize_task_id: str = "summarize",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.plan_task_id = plan_task_id
        self.approve_task_id = approve_task_id
        self.summarize_task_id = summarize_task_id

    def execute(self, context: Context) -> None:
        """Clean up, then judge."""
        instance = context["ti"]
        with translated_errors():
            engine = engine_of(Dataset.model_validate(self.dataset))
            if deleted := engine.end(lambda: owner_of(instance), PODS_GONE_S):
                log.info("%s", deleted)
        with translated_errors():
            self._judge(instance)

    def _judge(self, instance: Any) -> None:
        """Fail with what made the run fail: whoever looks at any of its red tasks reads the same line."""
        states = instance.get_task_states(
            dag_id=instance.dag_id, task_ids=[self.summarize_task_id], run_ids=[instance.run_id]
        )
        state = states.get(instance.run_id, {}).get(self.summarize_task_id)
        if state == "success":
            return
        planned = instance.xcom_pull(task_ids=self.plan_task_id, key=PLAN_XCOM)
        cause = find_cause(instance, self.plan_task_id, self.approve_task_id, self.summarize_task_id)
        if planned is None:
            raise ConfigError(
                cause or f"Task {self.plan_task_id} made no plan: its log says why - what was settled is kept"
            )
        refused = instance.xcom_pull(task_ids=self.approve_task_id, key=REFUSED_XCOM)
        if state == "skipped" and (planned["plan_only"] or refused):
            return
        raise ConfigError(
            cause
            or f"The run has no summary: task {self.summarize_task_id} is {state or 'not run'} - what its shards settled is "
            "kept for the next run"
        )
