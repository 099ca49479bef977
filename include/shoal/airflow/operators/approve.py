"""Between plan and shards: ask a person where a model version's work is large; pass at once where it is not."""

import logging
from dataclasses import asdict
from datetime import UTC
from typing import Any, NoReturn

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from shoal.airflow.alerts import Message, tell
from shoal.airflow.operators.frozen_run import FrozenRun, frozen_run
from shoal.airflow.operators.translate import translated_errors
from shoal.airflow.triggers.given_answer import GivenAnswerTrigger
from shoal.airflow.xcom_keys import PLAN
from shoal.airflow.xcom_keys import SAID as TO_BE_NOTED
from shoal.contract.errors import shown
from shoal.models.approval import Answer, Decision, answer_to, is_newer, write_answer
from shoal.plan.commands import ask_again
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import Run

log = logging.getLogger(__name__)

HOW_TO_ANSWER = "say yes or no under Required actions; no answer in time (run.approval_timeout) means no"
REFUSED_XCOM = "refused"
"""XCom key under which this task says why nothing is inferred."""

SAID = "said"
"""Key of the task's own state, which outlives its attempts: what a person said about a plan."""

ASKED = "asked"
"""Key of that state: the plan that a person was asked about last."""


class ApproveOperator(ApprovalOperator):
    """Pass, ask, or skip what follows.

    A person answers in the web interface (Required actions) or by REST. The answer lies in the variant's `approval.json`
    and holds for all its later runs; no answer in time means no. One instance at a time asks, so that the months of a
    backfill ask once: those that waited meanwhile read the answer.

    Args:
        dataset: The dataset's settings, as `Dataset.model_dump(mode="json")` writes them.
        plan_task_id: Task that planned the run.
    """

    ui_color = "#e9dff2"

    def __init__(self, *, dataset: dict[str, Any], plan_task_id: str = "plan", **kwargs: Any) -> None:
        super().__init__(
            subject=f"Infer all images of {dataset['name']} with another model version?",
            body="",  # known when it asks
            defaults=self.REJECT,
            response_timeout=Run.model_validate(dataset["run"]).approval_timeout,
            max_active_tis_per_dag=1,
            **kwargs,
        )
        self.dataset = dataset
        self.plan_task_id = plan_task_id

    def execute(self, context: Context) -> None:
        """Pass or skip where the answer is known; else ask and wait without holding a slot."""
        run = context["ti"].xcom_pull(task_ids=self.plan_task_id, key=PLAN)
        decision = Decision(run["approval"])
        if run["plan_only"] or decision in {Decision.NOT_NEEDED, Decision.APPROVED}:
            log.info("nobody has to be asked (%s)", str(decision).replace("_", " "))
            return
        with translated_errors():
            frozen = frozen_run(self.dataset, run)
            plan, layout = frozen.plan, frozen.stores.layout.variant(run["variant"])
            answer = answer_to(plan, frozen.stores.results, layout)
        said = _remember(context, run["run_key"])
        if said is not None and (answer is None or answer.at < said.at):
            self._write_down(context, frozen, said)
            return
        if answer is not None and answer.yes:
            _note(context, plan, answer)
            return
        if answer is not None and (decision is Decision.REFUSED or is_newer(answer, run["run_key"])):
            self._refuse(context, f"{answer.describe()} - {ask_again(plan)}")
        if decision is not Decision.ASK:
            self._refuse(context, f"{_figures(plan)} wait for approval, and this run may not ask - {ask_again(plan)}")
        if context["task_state_store"].get(ASKED) == run["run_key"]:
            # An answer within the second in which an attempt asks can reach Airflow before its scheduler has heard that the
            # attempt's process ended. It takes that for a failed attempt; the answer lies beside the task, unread.
            log.info("an earlier attempt asked about this plan: looking for the answer before asking again")
            self.defer(trigger=GivenAnswerTrigger(str(context["ti"].id)), method_name="hear")
        self._ask(context, frozen, run["run_key"])

    def hear(self, context: Context, event: dict[str, Any]) -> None:
        """Take the answer that an earlier attempt was given; ask where there is none."""
        if event.get("chosen_options"):
            self.execute_complete(context, event)
            return
        run = context["ti"].xcom_pull(task_ids=self.plan_task_id, key=PLAN)
        with translated_errors():
            frozen = frozen_run(self.dataset, run)
        self._ask(context, frozen, run["run_key"])

    def _ask(self, context: Context, frozen: FrozenRun, run_key: str) -> None:
        plan = frozen.plan
        self.subject = f"Infer {plan.question.images} images with {plan.models}?"
        self.body = write_question(plan)
        self.response_timeout = frozen.dataset.run.approval_timeout
        tell(
            frozen.dataset,
            Message("approval", f"{self.subject} {_figures(plan)}", HOW_TO_ANSWER, "required_actions", run_key),
            context["ti"].dag_id,
            context["ti"].run_id,
        )
        context["task_state_store"].set(ASKED, run_key)
        super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:
        """Write the answer down; skip what follows after a no."""
        run = context["ti"].xcom_pull(task_ids=self.plan_task_id, key=PLAN)
        user = event.get("responded_by_user") or {}
        yes = event["chosen_options"] == [self.APPROVE]
        by = None if event.get("timedout") else str(user.get("name") or user.get("id") or "somebody")
        answer = Answer(yes, by, f"{event['responded_at'].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        # Airflow hands an answer over once: an attempt that finds the bucket down must not cost it.
        context["task_state_store"].set(SAID, {**asdict(answer), "run_key": run["run_key"]})
        with translated_errors():
            frozen = frozen_run(self.dataset, run)
        self._write_down(context, frozen, answer)

    def _write_down(self, context: Context, frozen: FrozenRun, answer: Answer) -> None:
        plan, stores = frozen.plan, frozen.stores
        with translated_errors():
            write_answer(stores.results, stores.layout.variant(plan.variant.directory), plan, answer)
        if not answer.yes:
            self._refuse(context, f"{answer.describe()} - {ask_again(plan)}")
        _note(context, plan, answer)

    def _refuse(self, context: Context, reason: str) -> NoReturn:
        context["ti"].xcom_push(key=REFUSED_XCOM, value=reason)
        raise AirflowSkipException(f"Nothing is inferred: {reason}")


def _note(context: Context, plan: StoredPlan, answer: Answer) -> None:
    """Say in the log and in the run's note who allowed how much."""
    line = shown(f"{answer.describe()}: {_figures(plan)}")
    log.info("%s", line)
    context["ti"].xcom_push(key=TO_BE_NOTED, value=line)


def _remember(context: Context, run_key: str) -> Answer | None:
    """Find what a person said to an earlier attempt of this task, about this plan."""
    said = context["task_state_store"].get(SAID)
    if not isinstance(said, dict) or said["run_key"] != run_key:
        return None
    return Answer(bool(said["yes"]), None if said["by"] is None else str(said["by"]), str(said["at"]))


def write_question(plan: StoredPlan) -> str:
    """Write what a person reads before they answer, in Markdown."""
    approval, rate = plan.question, plan.seconds_per_image
    workers = max(len(plan.shards), 1)
    measured = "assumed: this version was never measured here" if rate.source == "assumed" else rate.source
    at_once = "1 worker" if workers == 1 else f"{workers} workers at once"
    hours = approval.images * rate.value / 3600 / workers
    budget_s = plan.job.budget_s
    return (
        f"Dataset **{plan.dataset}**, model **{plan.models}**, variant "
        f"`{plan.variant.directory}`\n\n"
        "| | |\n|---|---|\n"
        f"| Images to infer | {approval.images:,} of {plan.counts.listed:,} in scope |\n"
        f"| CPU hours | {approval.cpu_hours:,.3g} |\n"
        f"| Seconds per image | {rate.value:.3g} ({measured}) |\n"
        f"| Done in about | {hours:,.3g} h with {at_once}, in runs of {budget_s / 3600:.3g} h |\n"
        f"| Asked above | {approval.threshold_cpu_hours:g} CPU hours (run.approval_cpu_hours) |\n\n"
        "**Approve**: this run and all later ones of this variant infer without asking again. "
        "**Reject**, or no answer in time: nothing is inferred, and nightly runs go on with the version in use."
    )


def _figures(plan: StoredPlan) -> str:
    approval = plan.question
    return (
        f"{plan.models}: {approval.images} images, {approval.cpu_hours:.3g} CPU hours ({plan.seconds_per_image.source})"
    )
