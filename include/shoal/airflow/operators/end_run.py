"""The teardown: nothing of the run stays behind, and a run without its summary is no success."""

import logging
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from shoal.airflow.operators.approve import REFUSED_XCOM
from shoal.airflow.operators.installation import find_installation
from shoal.airflow.operators.plan_shards import PLAN_XCOM
from shoal.airflow.operators.translate import translated_errors
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
            dataset = Dataset.model_validate(self.dataset)
            if dataset.cluster.kind == "kubernetes":
                self._delete_objects(dataset, instance)
        states = instance.get_task_states(
            dag_id=instance.dag_id, task_ids=[self.summarize_task_id], run_ids=[instance.run_id]
        )
        state = states.get(instance.run_id, {}).get(self.summarize_task_id)
        if state == "success":
            return
        planned = instance.xcom_pull(task_ids=self.plan_task_id, key=PLAN_XCOM)
        if planned is None:
            raise AirflowFailException(
                f"Task {self.plan_task_id} made no plan: its log says why - what was settled is kept"
            )
        refused = instance.xcom_pull(task_ids=self.approve_task_id, key=REFUSED_XCOM)
        if state == "skipped" and (planned["plan_only"] or refused):
            return
        raise AirflowFailException(
            f"The run has no summary: task {self.summarize_task_id} is {state or 'not run'} - what its shards settled is kept "
            "for the next run"
        )

    def _delete_objects(self, dataset: Dataset, instance: Any) -> None:
        from kubernetes.client import CoreV1Api  # noqa: PLC0415 - see the package's docstring

        from shoal.airflow.hooks.cluster import connect  # noqa: PLC0415
        from shoal.engines.kubernetes.errors import explained  # noqa: PLC0415
        from shoal.engines.kubernetes.owned_objects import DagRunId, RunObjects  # noqa: PLC0415

        name = DagRunId(find_installation(), instance.dag_id, instance.run_id).name
        with explained(f"delete what run {name} left in namespace {dataset.cluster.namespace}"):
            core = CoreV1Api(connect(dataset.cluster.conn_id))
            pods = RunObjects(core, dataset.cluster).delete_run(name, PODS_GONE_S)
        log.info("run %s: %s pods, its Secret and its ConfigMap are deleted", name, pods)
