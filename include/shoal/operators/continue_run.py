"""After a run that could not do everything in its time box: start the next one."""

import logging
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

log = logging.getLogger(__name__)


class ContinueRunOperator(TriggerDagRunOperator):
    """Trigger the same DAG with the same parameters when work was left and the run got on; skipped otherwise.

    The new run is named after the plan it continues, so that a cleared task triggers nothing twice. A trigger that is lost
    costs one night: the next run finds what is left by itself.

    Args:
        summarize_task_id: Task that summarized the run.
    """

    def __init__(self, *, summarize_task_id: str = "summarize", **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id="",  # this one; its name is known when it runs
            logical_date=None,
            skip_when_already_exists=True,
            openlineage_inject_parent_info=False,
            **kwargs,
        )
        self.summarize_task_id = summarize_task_id

    def execute(self, context: Context) -> None:
        """Trigger the continuation."""
        done = context["ti"].xcom_pull(task_ids=self.summarize_task_id)
        if not done or not done["continues"]:
            raise AirflowSkipException("Nothing is left that another run could do now")
        self.trigger_dag_id = context["ti"].dag_id
        self.trigger_run_id = f"continue__{done['run_key']}"
        self.conf = {name: value for name, value in context["params"].items() if value is not None}
        log.info("%s images are left: run %s goes on", done["left"], self.trigger_run_id)
        super().execute(context)
