"""After a run that could not do everything in its time box: start the next one."""

import logging
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from shoal.airflow.operators.run_conf import read_params
from shoal.contract.run_names import continuation_run_id, dataset_of

log = logging.getLogger(__name__)


class ContinueRunOperator(TriggerDagRunOperator):
    """Trigger the next run with the same parameters when work was left and the run got on; skipped otherwise.

    A run with the dataset's own settings goes on in reanalyse_<dataset>, any other in backfill_<dataset>: so a long chain
    with another model or conf holds up no nightly run.

    The new run is named after the plan it continues, so that a cleared task triggers nothing twice. A trigger that is lost
    costs one night: the next run finds what is left by itself.

    Args:
        summarize_task_id: Task that summarized the run.
        gone: Why nothing goes on: the dataset file is gone. Empty while it is there.
    """

    def __init__(self, *, summarize_task_id: str = "summarize", gone: str = "", **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id="",  # known when it runs
            logical_date=None,
            skip_when_already_exists=True,
            openlineage_inject_parent_info=False,
            **kwargs,
        )
        self.summarize_task_id = summarize_task_id
        self.gone = gone

    def execute(self, context: Context) -> None:
        """Trigger the continuation."""
        done = context["ti"].xcom_pull(task_ids=self.summarize_task_id)
        if not done or not done["continues"]:
            raise AirflowSkipException("Nothing is left that another run could do now")
        if self.gone:
            raise AirflowSkipException(f"{done['left']} images are left: {self.gone}")
        params = read_params(context)
        dag_id = context["ti"].dag_id
        dataset = dataset_of(dag_id)
        if dataset is None:
            raise AirflowFailException(
                f"DAG {dag_id!r} is not of a dataset, so nothing goes on - name it reanalyse_<dataset>"
            )
        self.trigger_dag_id = params.goes_on_in(dataset)
        self.trigger_run_id = continuation_run_id(done["run_key"])
        self.conf = params.model_dump(mode="json", exclude_defaults=True)
        log.info("%s images are left: run %s goes on", done["left"], self.trigger_run_id)
        super().execute(context)
