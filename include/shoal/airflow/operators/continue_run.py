"""After a run that could not do everything in its time box: start the next one."""

import logging
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DagRunTriggerException

from shoal.airflow.operators.run_conf import read_params
from shoal.airflow.pages.links import NextRunLink
from shoal.contract.run_names import continuation_run_id, dataset_of

log = logging.getLogger(__name__)


class ContinueRunOperator(BaseOperator):
    """Trigger the next run with the same parameters when work was left and the run got on; skipped otherwise.

    What a chain was told to retry it retries once: its later runs reopen only failures from before its first one.

    A run with the dataset's own settings goes on in reanalyse_<dataset>, any other in backfill_<dataset>: so a long chain
    with another model or conf holds up no nightly run.

    The new run is named after the plan it continues, so that a cleared task triggers nothing twice. A trigger that is lost
    costs one night: the next run finds what is left by itself.

    It asks for the run as TriggerDagRunOperator does. Made of that one, it would have every task of a run, and every look at the
    DAG file, import Airflow's database models: half of all that Shoal imports there.

    Args:
        summarize_task_id: Task that summarized the run.
        gone: Why nothing goes on: the dataset file is gone. Empty while it is there.
    """

    operator_extra_links = (NextRunLink(),)

    def __init__(self, *, summarize_task_id: str = "summarize", gone: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.summarize_task_id = summarize_task_id
        self.gone = gone
        self.goes_on: tuple[str, str] | None = None
        """DAG and run that goes on, for the button."""

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
        next_dag_id, run_id = params.goes_on_in(dataset), continuation_run_id(done["run_key"])
        self.goes_on = next_dag_id, run_id
        log.info("%s images are left: run %s goes on", done["left"], run_id)
        raise DagRunTriggerException(
            trigger_dag_id=next_dag_id,
            dag_run_id=run_id,
            conf=params.going_on_with(done["run_key"]).model_dump(mode="json", exclude_defaults=True),
            logical_date=None,
            skip_when_already_exists=True,
            reset_dag_run=False,
            wait_for_completion=False,
            allowed_states=[],
            failed_states=[],
            poke_interval=0,
            deferrable=False,
        )
