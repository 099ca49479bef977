"""Why a task failed, in one line that the tasks after it and the run's note repeat."""

import logging
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.log import redact  # type: ignore[attr-defined]  # where Airflow's own providers have it from

from shoal.airflow.xcom_keys import CAUSE
from shoal.contract.errors import one_line, shown

log = logging.getLogger(__name__)

LONGEST = 600
"""Characters of a cause: a note holds a thousand."""


def keep_cause(err: BaseException) -> None:
    """Keep an error's line for the tasks after this one and for the run's note; outside a task there is nobody to keep it for."""
    try:
        # Airflow's logs hide the passwords of connections, its XComs do not.
        get_current_context()["ti"].xcom_push(key=CAUSE, value=str(redact(shown(one_line(err), LONGEST))))
    except Exception as trouble:  # noqa: BLE001 - what went wrong first must be said, whatever becomes of its copy
        log.debug("Why the task failed is kept in its log only: %s", trouble)


def find_cause(task_instance: Any, *task_ids: str) -> str | None:
    """Find why the first of some tasks failed that says so; None where none does."""
    for task_id in task_ids:
        if cause := task_instance.xcom_pull(task_ids=task_id, key=CAUSE):
            return str(cause)
    return None
