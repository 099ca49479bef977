"""The teardown: nothing of the run stays behind, and a run without its summary is no success."""

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator, Context

from shoal.airflow.open_runs import find_open_run, mark_ended
from shoal.airflow.operators.approve import REFUSED_XCOM
from shoal.airflow.operators.causes import find_cause
from shoal.airflow.operators.dag_runs import owner_of
from shoal.airflow.operators.frozen_run import engine_of_run, frozen_run
from shoal.airflow.operators.translate import translated_errors
from shoal.airflow.xcom_keys import CHANGED, PLAN
from shoal.contract.errors import ConfigError, ShoalError

log = logging.getLogger(__name__)

PODS_GONE_S = 120
"""A pod that was told to go has a minute for its part and its mount."""


class EndRunOperator(BaseOperator):
    """Delete what the run owns in the cluster, then judge the run by its summary.

    Made a teardown that may fail the run: Airflow would otherwise call a run that a person marked failed a success, its
    skipped summarize being the last task.

    Args:
        dataset: The dataset's settings, as `Dataset.model_dump(mode="json")` writes them.
        gone: Why nothing new is planned: the dataset file is gone. Empty while it is there.
        plan_task_id: Task that planned the run.
        approve_task_id: Task that asked whether to infer.
        summarize_task_id: Task that summarizes it.
    """

    ui_color = "#e6e6e6"

    def __init__(
        self,
        *,
        dataset: dict[str, Any],
        gone: str = "",
        plan_task_id: str = "plan",
        approve_task_id: str = "approve",
        summarize_task_id: str = "summarize",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.gone = gone
        self.plan_task_id = plan_task_id
        self.approve_task_id = approve_task_id
        self.summarize_task_id = summarize_task_id

    def execute(self, context: Context) -> None:
        """Clean up, then judge."""
        instance = context["ti"]
        planned = instance.xcom_pull(task_ids=self.plan_task_id, key=PLAN)
        with translated_errors():
            self._clean_up(instance, planned or {})
        self._say_what_changed(instance, planned)
        with translated_errors():
            self._judge(instance, planned)

    def _clean_up(self, instance: Any, planned: Mapping[str, Any]) -> None:
        """End the run's workers where it had them, also where the dataset file names another place by now."""
        written = find_open_run(instance.dag_id, instance.run_id)
        cluster = planned.get("cluster") or (written.cluster if written else None)
        for place in (*(written.elsewhere if written else ()), cluster):
            if deleted := engine_of_run(self.dataset, place).end(lambda: owner_of(instance), PODS_GONE_S):
                log.info("%s", deleted)
        mark_ended(instance.dag_id, instance.run_id)

    def _say_what_changed(self, instance: Any, planned: Mapping[str, Any] | None) -> None:
        """Let the run's note say what the dataset file says otherwise by now."""
        try:
            changed = frozen_run(self.dataset, planned).changed if planned else ""
        except ShoalError as err:
            log.debug("What has changed since the plan is not known: %s", err)
            return
        if changed := changed or self.gone:
            instance.xcom_push(key=CHANGED, value=changed)

    def _judge(self, instance: Any, planned: Mapping[str, Any] | None) -> None:
        """Fail with what made the run fail: whoever looks at any of its red tasks reads the same line."""
        states = instance.get_task_states(
            dag_id=instance.dag_id, task_ids=[self.summarize_task_id], run_ids=[instance.run_id]
        )
        state = states.get(instance.run_id, {}).get(self.summarize_task_id)
        if state == "success":
            return
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
