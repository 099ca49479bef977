"""Airflow's own processes on this machine: how they are configured, started, watched and ended."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import urllib3

from shoal.embedded.processes.process_trees import end_family, family_of, find_marked
from shoal.engines.local.process import STARTED_AS

LOGIN = "admin"
TASKS_LEAVE_S = 20
"""Tasks told to stop end their worker, which writes its part, and report that to the API server."""
SERVERS_LEAVE_S = 10
_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
_SCHEDULER = "scheduler"
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    # All runs on one machine, where the web interface reads logs as files: log servers would only bind to every address.
    _SCHEDULER: (_SCHEDULER, "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "api-server": ("api-server",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}

PRELOADED = (
    "airflow.executors.local_executor",
    "shoal.airflow.dags",
    "shoal.airflow.hooks.object_store",
    "shoal.plan.make_plan",
    "shoal.summary.summarize",
    "shoal.exports.report.page",
    "shoal.stores.s3",
    "pandas",  # DuckDB imports it where it is given a parameter
)
"""Imported once, by the server that task processes are forked from: else each of a run's six tasks spends seconds on them."""

Processes = dict[str, "subprocess.Popen[bytes]"]


def web_environment(port: int) -> dict[str, str]:
    """Configure the web interface: loopback only, one user, room for as many tasks as the machine has cores and some more."""
    url = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{LOGIN}:admin",
        "AIRFLOW__CORE__PARALLELISM": str((os.cpu_count() or 2) + 2),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__SCHEDULER__MP_START_METHOD": "forkserver",
        "AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD": ",".join(PRELOADED),
    }


@contextmanager
def airflow_processes(environment: Mapping[str, str], logs: Path) -> Iterator[Processes]:
    """Run Airflow's four processes; at the end stop them and everything they started.

    `airflow standalone` would run the same four, serve logs to every address, and leave its children behind on SIGTERM.
    """
    processes: Processes = {}
    try:
        for name in _COMMANDS:
            log_of(logs, name).unlink(missing_ok=True)
            start_process(processes, name, environment, logs)
        yield processes
    finally:
        _end(processes, logs)


def start_process(processes: Processes, name: str, environment: Mapping[str, str], logs: Path) -> None:
    """Start one of Airflow's four processes, or start it again in the place of one that has ended; its log goes on."""
    with log_of(logs, name).open("ab") as log:
        processes[name] = subprocess.Popen(
            [sys.executable, "-m", "airflow", *_COMMANDS[name]],
            env={**environment, STARTED_AS: str(log_of(logs, name))},
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is ours: they are ended in order
        )


def end_left_by(logs: Path, name: str, patience_s: float = TASKS_LEAVE_S) -> None:
    """End what one of the four left when it ended by itself: executors, tasks and their workers go on without it, idle for ever.

    Args:
        logs: Folder of the logs.
        name: Which of the four.
        patience_s: Seconds in which tasks write what they have; then they are killed.
    """
    end_family(_left_by(logs, name), patience_s)


def _left_by(logs: Path, name: str) -> list[psutil.Process]:
    """Find all that one of the four started and all that these started, whoever is their parent by now."""
    return family_of(process.pid for process in find_marked(STARTED_AS, str(log_of(logs, name))))


def log_of(logs: Path, name: str) -> Path:
    """Name the log of one of the four."""
    return logs / f"airflow-{name}.log"


def _end(processes: Processes, logs: Path) -> None:
    """End the scheduler with its tasks while they can still report to the API server, then the rest."""
    everything = family_of(process.pid for process in processes.values())
    patience_s = 0
    try:
        end_family(_left_by(logs, _SCHEDULER), TASKS_LEAVE_S)
        patience_s = SERVERS_LEAVE_S
    finally:
        left = [process for name in processes for process in _left_by(logs, name)]
        end_family({process.pid: process for process in (*everything, *left)}.values(), patience_s)
        for process in processes.values():
            process.wait()


def web_is_healthy(port: int) -> bool:
    """Ask whether every part of Airflow runs."""
    url = f"http://127.0.0.1:{port}/api/v2/monitor/health"
    try:
        health = urllib3.PoolManager(retries=False, timeout=2).request("GET", url).json()
    except (urllib3.exceptions.HTTPError, ValueError):
        return False
    return all((health.get(part) or {}).get("status") == "healthy" for part in _PARTS)


def read_password(airflow_home: Path) -> str:
    """Read the password Airflow made for the login; the folder around it is private."""
    path = airflow_home / "simple_auth_manager_passwords.json.generated"
    path.chmod(0o600)
    return str(json.loads(path.read_text(encoding="utf-8"))[LOGIN])
