"""Telling people: one line with the number, the way on and a link, through Airflow's own notifiers.

Airflow calls these from three places: the DAG processor (a run failed), the triggerer (a deadline passed), a task (images have
stopped coming, a person is asked, a version was released, the answer is of another version, a camera is in trouble). None of them
may fail for a message that cannot be sent, so what goes wrong is logged.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseNotifier, conf
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from shoal.airflow.notifiers import find_notifier
from shoal.airflow.supervised import can_ask_airflow
from shoal.airflow.told import Thing, find_untold, note_told, tell_once
from shoal.airflow.xcom_keys import CAUSE, PLAN
from shoal.contract.errors import one_line
from shoal.contract.run_names import dataset_of
from shoal.settings.alerts import Alerts
from shoal.settings.dataset import Dataset

log = logging.getLogger(__name__)

SUBJECT = "Shoal {{ dataset }}: {{ alert | truncate(120, True, '…', 0) }}"
BODY = '<p>{{ alert | e }}</p><p><a href="{{ url | e }}">{{ url | e }}</a></p>'

NOT_AGAIN = "not told, as the same was in this night: %s"

CAUSES = ("plan", "approve", "summarize", "end_run")
"""Tasks that say why a run failed; the first one that does names the first cause."""


@dataclass(frozen=True)
class Message:
    """What people are told.

    Attributes:
        kind: `failed`, `late`, `silent`, `release`, `approval`, `answer` or `trouble`.
        text: What has happened, in one line, with its numbers.
        command: What to do next; empty where the text says it.
        page: Of the run in Airflow's web interface, where it is not its first one.
        what: Tells it from others of its kind, each of which is told: a version, a question.
    """

    kind: str
    text: str
    command: str = ""
    page: str = ""
    what: str = ""

    @property
    def line(self) -> str:
        """All of it in one line, whatever keys and errors hold: a subject is one."""
        return one_line(f"{self.text} - {self.command}" if self.command else self.text)


def tell(dataset: Dataset, message: Message, dag_id: str, run_id: str) -> None:
    """Send one line to everybody the dataset file names; of the same thing once a night."""
    _tell(dataset, message, Thing(dag_id, message.kind, message.what), run_id)


def _tell(dataset: Dataset, message: Message, thing: Thing, run_id: str) -> None:
    if not dataset.alerts.reach_somebody:
        return

    def send(untold: str) -> bool:
        fields, sent = _fields(dataset.name, message, thing.dag_id, run_id, untold), False
        for name, notifier in _notifiers(dataset.alerts):
            try:
                notifier(dict(fields))
                sent = True
            except Exception as err:  # noqa: BLE001 - a notifier may be anybody's
                _log_unsent(name, fields["alert"], err)
        return sent

    if not tell_once(thing, datetime.now(UTC), send):
        log.info(NOT_AGAIN, message.line)


class TellRunFailed:
    """What Airflow calls when a run of the dataset failed."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __call__(self, context: Mapping[str, Any]) -> None:
        """Say which run failed, why as far as anybody knows, and what to do next."""
        run_id, dag_id = str(context["run_id"]), context["dag"].dag_id
        cause = next((found for task in CAUSES if (found := _read_xcom(dag_id, run_id, task, CAUSE))), None)
        why = f": {cause}" if cause else f" ({context.get('reason')})"
        text = f"Run {run_id} of {dag_id} failed{why}"
        run = _named_run(self._dataset.name, dag_id, run_id)
        command = f"python -m shoal why {run}" if run else f"python -m shoal check {self._dataset.name}"
        message = Message("failed", text, command)
        _tell(self._dataset, message, Thing.caused(dag_id, "failed", why), run_id)


def _named_run(name: str, dag_id: str, run_id: str) -> str | None:
    """Name the run that a Dag run planned, as `why` takes it; None where none is known, and a plan needs more than a name."""
    planned = _read_xcom(dag_id, run_id, "plan", PLAN)
    key = planned.get("run_key") if isinstance(planned, Mapping) else None
    return f"{name}/{key}" if key else None


def _read_xcom(dag_id: str, run_id: str, task_id: str, key: str) -> Any:
    """Read what a task said; the DAG processor may ask, and what it cannot learn is left out."""
    if not can_ask_airflow():
        return None
    from airflow.sdk.execution_time.xcom import XCom  # noqa: PLC0415 - as `can_ask_airflow` has it

    try:
        return XCom.get_one(key=key, task_id=task_id, dag_id=dag_id, run_id=run_id)
    except Exception as err:  # noqa: BLE001 - a message without its cause is better than none
        log.debug("What task %s of run %s said is not known: %s", task_id, run_id, one_line(err))
        return None


def deadline_alert(dataset: Dataset) -> DeadlineAlert | None:
    """Make Airflow's alert for runs that have not ended within `run.deadline`; None without one."""
    if dataset.run.deadline is None:
        return None
    settings = dataset.alerts.model_dump(mode="json")
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=dataset.run.deadline,
        callback=AsyncCallback(tell_late, kwargs={"dataset": dataset.name, "alerts": settings}),
        name=f"{dataset.name} late",
    )


async def tell_late(*, dataset: str, alerts: Mapping[str, Any], context: Mapping[str, Any]) -> None:
    """Say that a run has not ended, once a night.

    Airflow calls this in the triggerer, also for a run that failed before: that was told. Each continuation of a night that is
    late passes a deadline of its own, and a triggerer that is ended while it tells is followed by one that begins anew.
    """
    run = context["dag_run"]
    if run["state"] == "failed":
        return
    dag_id, run_id = run["dag_id"], run["dag_run_id"]
    alert = (
        f"Run {run_id} of {dag_id} is {run['state']} and should have ended by {context['deadline']['deadline_time']}"
    )
    thing, now, name = Thing(dag_id, "late"), datetime.now(UTC), dataset_of(dag_id) or dataset
    # Airflow's answer comes by the loop that this runs in: whoever asks in it would wait for himself.
    named = await asyncio.to_thread(_named_run, name, dag_id, run_id)
    late = Message("late", alert, f"python -m shoal why {named or name}")
    untold = await asyncio.to_thread(find_untold, thing, now)
    if untold is None:
        log.info(NOT_AGAIN, late.line)
        return
    message, sent = _fields(dataset, late, dag_id, run_id, untold), False
    for name, notifier in _notifiers(Alerts.model_validate(alerts)):
        try:
            if type(notifier).async_notify is BaseNotifier.async_notify:
                await asyncio.to_thread(notifier, dict(message))
            else:
                notifier.context = dict(message)
                await notifier
            sent = True
        except Exception as err:  # noqa: BLE001
            _log_unsent(name, message["alert"], err)
    if sent:
        await asyncio.to_thread(note_told, thing, now)


def _notifiers(alerts: Alerts) -> Iterator[tuple[str, Any]]:
    """Make each notifier; one that cannot be made is logged like one that cannot send."""
    wanted: list[tuple[str, dict[str, Any]]] = [(entry.notifier, dict(entry.arguments)) for entry in alerts.notifiers]
    if alerts.email:
        arguments = {"to": list(alerts.email), "subject": SUBJECT, "html_content": BODY}
        wanted.append(("airflow.providers.smtp.notifications.smtp.SmtpNotifier", arguments))
    for path, arguments in wanted:
        try:
            notifier: Any = find_notifier(path)
            yield path, notifier(**arguments)
        except Exception as err:  # noqa: BLE001
            _log_unsent(path, "the next alert", err)


def _fields(dataset: str, message: Message, dag_id: str, run_id: str, untold: str = "") -> dict[str, str]:
    """Fill in what a notifier's templates may name."""
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    return {
        "dataset": dataset,
        "kind": message.kind,
        "alert": one_line(f"{message.line}{untold}"),
        "command": one_line(message.command),
        "url": f"{base}/dags/{quote(dag_id)}/runs/{quote(run_id)}{f'/{message.page}' if message.page else ''}",
    }


def _log_unsent(notifier: str, alert: str, err: Exception) -> None:
    reason = one_line(err, 300)
    log.error("%s could not be told through %s: %s - see alerts in the dataset file", alert, notifier, reason)
