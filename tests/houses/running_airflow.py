"""An Airflow of the tests' own: database, scheduler, executor, triggerer and web interface, as `make up` runs them."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from airflow_rest import AirflowRest
from cluster.processes import free_port
from impatience import write_policies
from metadata_database import MetadataDatabase, metadata_database
from shoal.embedded.home import Home
from shoal.embedded.processes.airflow_servers import (
    airflow_processes,
    end_left_by,
    read_password,
    start_process,
    web_environment,
    web_is_healthy,
)

HEALTHY_S = 300
DAGS = Path(__file__).parents[2] / "dags"
QUICK = {
    # Each time it costs seconds of a processor, in vain: tests say when there is something new ...
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
    # ... and then it is seen, parsed and stored at once.
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "1",
    # A run has six tasks, and the scheduler sleeps before each.
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "3",
}
"""Waits of Airflow's that tests need not take, as an admin may set them."""


@dataclass(frozen=True)
class RunningAirflow:
    """An Airflow that runs.

    Attributes:
        rest: Its REST API.
        processes: Its four programs by name; one that was killed is replaced by the one started after it.
        environment: What each was started with.
        logs: Where each writes.
        database: Where it keeps its state.
        dags: Its own copy of the DAG file.
    """

    rest: AirflowRest
    processes: dict[str, "subprocess.Popen[bytes]"]
    environment: Mapping[str, str]
    logs: Path
    database: MetadataDatabase
    dags: Path

    def read_datasets(self) -> None:
        """Have the DAG processor look again at the dataset files: it parses a DAG file that has changed at once."""
        for path in self.dags.glob("*.py"):
            path.touch()

    def kill(self, name: str) -> None:
        """End a program and what watches its tasks, as a lost machine would: nobody is told; the tasks end with their watchers."""
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait()
        end_left_by(self.logs, name, 0)

    def start(self, name: str) -> None:
        """Start a killed program again."""
        start_process(self.processes, name, self.environment, self.logs)

    def task_pids(self) -> list[int]:
        """List the processes of running tasks, and those that watch them: Airflow names both after the task instance."""
        family = psutil.Process(self.processes["scheduler"].pid).children(recursive=True)
        return [process.pid for process in family if _runs_a_task(process)]


def _runs_a_task(process: psutil.Process) -> bool:
    try:
        title = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
    return title.startswith("airflow worker -- ") and "<idle>" not in title


def _write_keys(path: Path) -> None:
    """Make the keys that Airflow's programs share: they would make them themselves, each its own where they start at once."""
    names = {"core": "fernet_key", "api": "secret_key", "api_auth": "jwt_secret"}
    keys = {name: urlsafe_b64encode(secrets.token_bytes(32)).decode() for name in names.values()}
    path.touch(mode=0o600)
    path.write_text("".join(f"[{section}]\n{name} = {keys[name]}\n" for section, name in names.items()))


@contextmanager
def running_airflow(home: Home, environment: Mapping[str, str], *, impatient: str = "") -> Iterator[RunningAirflow]:
    """Start Airflow over a folder, wait until all of it is healthy, and end it afterwards.

    Args:
        home: Its folder.
        environment: What its processes are told, beside where the web interface listens and where the database is.
        impatient: Begins the names of the DAGs that wait between attempts and looks as tests do, see impatience.py (all); others wait
            as users' do.
    """
    with metadata_database(home, environment) as database:
        port = free_port()
        dags = shutil.copytree(DAGS, home.root / "dags")
        write_policies(home.airflow, impatient)
        _write_keys(home.airflow / "airflow.cfg")
        own = {"AIRFLOW__CORE__DAGS_FOLDER": str(dags), **QUICK, **database.settings}
        settings = {**web_environment(port), **environment, **own}
        with airflow_processes(settings, home.logs) as processes:
            deadline = time.monotonic() + HEALTHY_S
            while not web_is_healthy(port):
                assert time.monotonic() < deadline, f"Airflow is not healthy, see {home.logs}"
                time.sleep(0.5)
            rest = AirflowRest(port, read_password(home.airflow))
            yield RunningAirflow(rest, processes, settings, home.logs, database, dags)
