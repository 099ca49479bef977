"""The last task: it reads rows, not task states."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from shoal.airflow.alerts import Message, tell
from shoal.airflow.assets import describe_answer, emit_answer
from shoal.airflow.lineage_facts import LineageFacts, find_lineage
from shoal.airflow.metrics import are_wanted, measure_summary, send
from shoal.airflow.open_runs import remember_place
from shoal.airflow.operators.approve import REFUSED_XCOM
from shoal.airflow.operators.causes import find_cause
from shoal.airflow.operators.frozen_run import FrozenRun, frozen_run
from shoal.airflow.operators.translate import translated_errors
from shoal.airflow.pages.links import PlanLink, ReportLink, SummaryLink
from shoal.airflow.run_words import tell_new_answer, tell_new_troubles, tell_result
from shoal.airflow.xcom_keys import PLAN, TELLS
from shoal.contract.errors import ConfigError, shown
from shoal.contract.units import read_time
from shoal.settings.results_place import ResultsPlace

if TYPE_CHECKING:
    from shoal.results.stored_plan import StoredPlan
    from shoal.summary.summarized_run import SummarizedRun

log = logging.getLogger(__name__)


class SummarizeOperator(BaseOperator):
    """Write the ledger, check both balances, compute the numbers, write `summary.json` and move `current.json`.

    Runs whatever became of the shards (trigger rule all_done). Skipped after a plan_only run and where the run's approval
    was refused; fails, and writes nothing, when the plan failed: clearing failed tasks then clears it, too.

    Args:
        dataset: The dataset's settings, as `Dataset.model_dump(mode="json")` writes them.
        plan_task_id: Task that planned the run.
        approve_task_id: Task that asked whether to infer.
    """

    ui_color = "#f7e9d0"
    operator_extra_links = (ReportLink(), SummaryLink(), PlanLink())

    def __init__(
        self, *, dataset: dict[str, Any], plan_task_id: str = "plan", approve_task_id: str = "approve", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.plan_task_id = plan_task_id
        self.linked_run: dict[str, str] | None = None
        self.approve_task_id = approve_task_id
        self.lineage: LineageFacts | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Summarize the run; return where the summary lies."""
        from shoal.models.approval import need_answer  # noqa: PLC0415 - see the package's docstring
        from shoal.summary.summarize import summarize_run  # noqa: PLC0415

        with translated_errors():
            run = context["ti"].xcom_pull(task_ids=self.plan_task_id, key=PLAN)
            if run is None:
                cause = find_cause(context["ti"], self.plan_task_id, self.approve_task_id)
                raise ConfigError(cause or f"Task {self.plan_task_id} made no plan - see its log; nothing was written")
            if run["plan_only"]:
                raise AirflowSkipException(f"Run {run['run_key']} is plan_only")
            if refused := context["ti"].xcom_pull(task_ids=self.approve_task_id, key=REFUSED_XCOM):
                raise AirflowSkipException(f"Run {run['run_key']} infers nothing: {refused}")
            frozen = frozen_run(self.dataset, run)
            stores, layout = frozen.stores, frozen.stores.layout.variant(run["variant"])
            need_answer(stores.results, layout, frozen.plan)
            done = summarize_run(stores, layout, run["run_key"], with_pictures=True)
            remember_place(ResultsPlace.of(frozen.dataset))
            self.linked_run = run
            for line in done.describe():
                log.info("%s", shown(line))
            context["ti"].xcom_push(key=TELLS, value=shown(tell_result(done)))
            self.lineage = find_lineage(frozen, done)
            _measure(frozen.plan, done, run.get("planned_at"))
            if done.failure:
                raise ConfigError(done.failure)
            if done.not_current_because is None:
                self._tell_answer(context, frozen, done)
        return {
            "run_key": run["run_key"],
            "summary": stores.results.uri(done.key),
            "result_sha256": done.summary["result_sha256"],
            "left": done.left,
            "continues": done.continues,
        }

    def _tell_answer(self, context: Context, frozen: "FrozenRun", done: "SummarizedRun") -> None:
        """Let DAGs that wait for the answer know, and people where it is of another model version or a camera is in trouble."""
        name, uri = frozen.dataset.name, frozen.stores.results.uri(done.key)
        emit_answer(context, name, self.outlets, describe_answer(done, uri))
        if found := tell_new_answer(done, name):
            text, command = found
            message = Message("answer", text, command, what=frozen.plan.models)
            tell(frozen.dataset, message, context["ti"].dag_id, context["ti"].run_id)
        if troubles := tell_new_troubles(done, name):
            text, command, what = troubles
            message = Message("trouble", text, command, what=what)
            tell(frozen.dataset, message, context["ti"].dag_id, context["ti"].run_id)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - as OpenLineage's provider calls it
        """Tell where the numbers come from and where they went; nothing where the task knew of no run."""
        if self.lineage is None:
            return None
        from shoal.airflow.lineage import to_openlineage  # noqa: PLC0415 - only where its provider is installed

        return to_openlineage(self.lineage)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:
        """Tell the same of a run that left work: its summary is there."""
        return self.get_openlineage_facets_on_complete(task_instance)


def _measure(plan: "StoredPlan", done: "SummarizedRun", planned_at: str | None) -> None:
    """Send what is known of a summary to where Airflow sends its metrics; no run fails for them.

    Args:
        plan: Of the run.
        done: Its summary.
        planned_at: When its plan was made; one of an earlier release did not say.
    """
    try:
        if are_wanted():
            began = read_time(planned_at) if planned_at else None
            send(measure_summary(plan, done, began, datetime.now(UTC)))
    except Exception:
        log.warning("The run's metrics were not sent, its answer stands", exc_info=True)
