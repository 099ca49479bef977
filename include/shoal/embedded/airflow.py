"""Airflow's own processes on this machine: how they are configured, watched and ended."""

import json
import os
import signal
import subprocess
from pathlib import Path

import psutil
import urllib3

LOGIN = "admin"
STOP_S = 30
_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


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
        # Task logs are read from this folder; the log servers only need ports of their own.
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(port + 1),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(port + 2),
    }


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


def end_all(process: "subprocess.Popen[bytes]") -> None:
    """End a process and all its descendants: interrupt it, then terminate what is left, then kill."""
    if process.poll() is None:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        process.send_signal(signal.SIGINT)
    else:
        family = []
    _, alive = psutil.wait_procs(family, timeout=STOP_S)
    for left in alive:
        _signal(left, signal.SIGTERM)
    _, alive = psutil.wait_procs(alive, timeout=STOP_S / 3)
    for left in alive:
        _signal(left, signal.SIGKILL)
    process.wait()


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
