"""How Airflow's own processes are configured on this machine, and ended with all they started."""

import os
import subprocess
import sys
from importlib.util import find_spec

import psutil
import pytest

from shoal.embedded.processes.airflow_servers import PRELOADED, end_left_by, log_of, web_environment
from shoal.engines.local.process import STARTED_AS

IDLE = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
CRASHES = f"""
import os, subprocess, sys
executor = subprocess.Popen([sys.executable, "-c", {IDLE!r}], stdout=subprocess.PIPE)
worker = subprocess.Popen([sys.executable, "-c", {IDLE!r}], stdout=subprocess.PIPE, start_new_session=True)
executor.stdout.readline(), worker.stdout.readline()
print(executor.pid, worker.pid, flush=True)
os.kill(os.getpid(), 9)
"""
"""A scheduler that starts an idle executor process and a worker in a session of its own, and crashes."""


@pytest.mark.parametrize("module", PRELOADED)
def test_what_task_processes_are_to_inherit_is_there(module):
    """Python passes over what it cannot import beforehand, and each task is slow again."""
    assert find_spec(module) is not None


def test_task_processes_are_forked_from_a_server_that_has_imported_it():
    told = web_environment(8080)
    assert told["AIRFLOW__SCHEDULER__MP_START_METHOD"] == "forkserver", "preloading is for that one only"
    assert told["AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD"].split(",") == list(PRELOADED)


def test_what_a_crashed_scheduler_started_ends_with_it(tmp_path):
    """Nobody is its parent any more, and a worker is in no group of the scheduler's."""
    environment = {**os.environ, STARTED_AS: str(log_of(tmp_path, "scheduler"))}
    crashed = subprocess.run(
        [sys.executable, "-c", CRASHES], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    left = [psutil.Process(int(pid)) for pid in crashed.stdout.split()]
    end_left_by(tmp_path, "triggerer")
    assert [process.is_running() for process in left] == [True, True]
    end_left_by(tmp_path, "scheduler", patience_s=5)
    assert psutil.wait_procs(left, timeout=60)[1] == []
