"""Telling people: one line, through Airflow's own notifiers, when a run failed, is late, or finds no new images.

Airflow calls these from three places: the DAG processor (a run failed), the triggerer (a deadline passed), a task (images
have stopped coming). None of them may fail for a message that cannot be sent, so what goes wrong is logged.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseNotifier, conf
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from shoal.airflow.notifiers import find_notifier
from shoal.contract.errors import one_line
from shoal.settings.alerts import Alerts
from shoal.settings.dataset import Dataset

log = logging.getLogger(__name__)

SUBJECT = "Shoal {{ dataset }}: {{ alert | truncate(120, True, '…', 0) }}"
BODY = '<p>{{ alert | e }}</p><p><a href="{{ url | e }}">{{ url | e }}</a></p>'


def tell(dataset: Dataset, alert: str, dag_id: str, run_id: str) -> None:
    """Send one line to everybody the dataset file names."""
    message = _message(dataset.name, alert, dag_id, run_id)
    for name, notifier in _notifiers(dataset.alerts):
        try:
            notifier(dict(message))
        except Exception as err:  # noqa: BLE001 - a notifier may be anybody's
            _log_unsent(name, message["alert"], err)


class TellRunFailed:
    """What Airflow calls when a run of the dataset failed."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __call__(self, context: Mapping[str, Any]) -> None:
        """Say which run failed, and why as far as Airflow knows."""
        run_id, dag_id = str(context["run_id"]), context["dag"].dag_id
        tell(self._dataset, f"Run {run_id} of {dag_id} failed ({context.get('reason')})", dag_id, run_id)


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
    """Say that a run has not ended; Airflow calls this in the triggerer, also for a run that failed before: that was told."""
    run = context["dag_run"]
    if run["state"] == "failed":
        return
    dag_id, run_id = run["dag_id"], run["dag_run_id"]
    alert = (
        f"Run {run_id} of {dag_id} is {run['state']} and should have ended by {context['deadline']['deadline_time']}"
    )
    message = _message(dataset, alert, dag_id, run_id)
    for name, notifier in _notifiers(Alerts.model_validate(alerts)):
        try:
            if type(notifier).async_notify is BaseNotifier.async_notify:
                await asyncio.to_thread(notifier, dict(message))
            else:
                notifier.context = dict(message)
                await notifier
        except Exception as err:  # noqa: BLE001
            _log_unsent(name, message["alert"], err)


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


def _message(dataset: str, alert: str, dag_id: str, run_id: str) -> dict[str, str]:
    alert = one_line(alert)  # a subject is one line, whatever keys and errors hold
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    return {"dataset": dataset, "alert": alert, "url": f"{base}/dags/{quote(dag_id)}/runs/{quote(run_id)}"}


def _log_unsent(notifier: str, alert: str, err: Exception) -> None:
    reason = one_line(err, 300)
    log.error("%s could not be told through %s: %s - see alerts in the dataset file", alert, notifier, reason)
