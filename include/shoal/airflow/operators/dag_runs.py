"""What Airflow knows of its Dag runs: who this one is, and whether another is still at work."""

import logging
from typing import Any

from shoal.airflow.operators.installation import find_installation
from shoal.engines.engine import DELETED, DagRunId

log = logging.getLogger(__name__)


def owner_of(task_instance: Any, *, whole: bool = True) -> DagRunId:
    """Name the Dag run of a task.

    Args:
        task_instance: The task.
        whole: Whether the run owns what it will be; else the task does by itself.
    """
    index = getattr(task_instance, "map_index", -1)
    task = "" if whole else f"{task_instance.task_id}[{index}]"
    return DagRunId(find_installation(), task_instance.dag_id, task_instance.run_id, task)


def dag_run_state(task_instance: Any, dag_id: str, run_id: str) -> str | None:
    """Ask Airflow for the state of a Dag run; None for one it does not know, such as another Airflow's."""
    try:
        state: str = task_instance.get_dagrun_state(dag_id, run_id)
    except Exception as err:  # noqa: BLE001 - Airflow's own errors differ from release to release
        log.debug("Run %s of %s is not known here: %s", run_id, dag_id, err)
        return None
    return state


def find_state(task_instance: Any, dag_id: str, run_id: str) -> str | None:
    """Ask for the state of a Dag run; DELETED where Airflow answers and has no such run."""
    state = dag_run_state(task_instance, dag_id, run_id)
    return DELETED if state is None and _is_deleted(task_instance, dag_id, run_id) else state


def _is_deleted(task_instance: Any, dag_id: str, run_id: str) -> bool:
    try:
        count: int = task_instance.get_dr_count(dag_id=dag_id, run_ids=[run_id])
    except Exception as err:  # noqa: BLE001 - see dag_run_state
        log.debug("Runs of %s cannot be counted: %s", dag_id, err)
        return False
    return count == 0
