"""How long tests wait for what is the same after seconds as after half a minute: set as an admin may, by Airflow's policies.

What users have is in `shoal/airflow/dag_parts.py` and `shoal/airflow/triggers/model_release.py`.
"""

from pathlib import Path

RETRY_S, POLL_S = 5, 4
"""Between two attempts at a task, in place of 30 s and more; between two looks for releases, in place of 20 s."""

RETRIES = 2
"""Of every task, also of those that have more: what fails for good fails soon."""

POLICIES = f"""
def task_policy(task):
    from datetime import timedelta

    if task.dag_id.startswith(DAGS):
        task.retry_delay = min(task.retry_delay, timedelta(seconds={RETRY_S}))
        task.retries = min(task.retries, {RETRIES})
        if task.max_retry_delay is not None:
            task.max_retry_delay = task.retry_delay


def dag_policy(dag):
    watched = getattr(dag.timetable, "asset_condition", None) if dag.dag_id.startswith(DAGS) else None
    for asset in watched.objects if watched else ():
        for watcher in asset.watchers:
            watcher.trigger.poll_s = {POLL_S}.0
"""


def write_policies(airflow_home: Path, dags: str = "") -> None:
    """Lay the policies where Airflow looks for them.

    Args:
        airflow_home: Its folder.
        dags: Begins the names of the DAGs that they are for; all where nothing is said.
    """
    folder = airflow_home / "config"
    folder.mkdir(exist_ok=True)
    (folder / "airflow_local_settings.py").write_text(f"DAGS = {dags!r}\n{POLICIES}", encoding="utf-8")
