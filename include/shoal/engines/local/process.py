"""The worker as a process on this machine: the same program as in a pod, given credentials and nothing else of ours."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shoal.contract.cgroup import count_oom_kills
from shoal.contract.errors import ShoalError
from shoal.contract.worker_command import WorkerCommand
from shoal.engines.verdict import judge

STOP_S = 10
"""A worker told to stop has written its part and left within 5 s; this is twice that."""

STARTED_AS = "SHOAL_STARTED_AS"
"""Environment variable that marks what one of Airflow's programs started here: a worker outlives one that crashes."""

PASSED_ON = (
    STARTED_AS,
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
    # Where this machine's identity is found: paths and addresses.
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
)
"""What a worker gets of our own environment: none of its secrets."""


def worker_environment(credentials: Mapping[str, str]) -> dict[str, str]:
    """Make the environment of a worker on this machine.

    Args:
        credentials: Environment that `Access.to_env` wrote.
    """
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**environment, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONUNBUFFERED": "1", **credentials}


class WorkerProcess:
    """One attempt at one shard, at work or over."""

    def __init__(
        self, shard: int, process: "subprocess.Popen[str]", oom_kills: int, folder: "tempfile.TemporaryDirectory[str]"
    ) -> None:
        self._shard = shard
        self._folder = folder
        self._process = process
        self._oom_kills = oom_kills
        self._last = ""

    @classmethod
    def start(cls, command: WorkerCommand, credentials: Mapping[str, str]) -> "WorkerProcess":
        """Start a worker.

        Args:
            command: What it is to do.
            credentials: Environment that `Access.to_env` wrote.
        """
        oom_kills = count_oom_kills()
        environment = worker_environment(credentials)
        # A folder where nothing lies: what a model or a library looks for beside itself is not Airflow's.
        folder = tempfile.TemporaryDirectory(prefix="shoal-worker-", ignore_cleanup_errors=True)
        # A session of its own: Ctrl-C in a terminal reaches us, and we stop the worker in order.
        process = subprocess.Popen(
            [sys.executable, "-m", "shoal_worker", *command.to_words()],
            env=environment,
            cwd=folder.name,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        return cls(command.shard, process, oom_kills, folder)

    def read_line(self) -> str | None:
        """Wait for the next line it prints; None when it has closed its output."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            return None
        self._last = line.rstrip()
        return self._last

    def verdict(self) -> ShoalError | None:
        """Wait for its end and judge its exit; None when it did its shard."""
        code = self._process.wait()
        self._folder.cleanup()
        killed_for_memory = code == -signal.SIGKILL and count_oom_kills() > self._oom_kills
        oom = "lower cluster.share" if killed_for_memory else ""
        return judge(f"shard {self._shard}", code, signalled=_signal(code), oom=oom, last_line=self._last)

    def stop(self) -> None:
        """Stop the worker; it writes what it has."""
        end_process(self._process, STOP_S)
        self._folder.cleanup()


def end_process(process: "subprocess.Popen[Any]", patience_s: float) -> None:
    """Ask a process we started to end, wait, and kill it when it does not; nothing happens when it has ended."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _signal(code: int) -> int:
    """Name the signal that an exit code of a process stands for; 0 for none."""
    try:
        return signal.Signals(-code)
    except ValueError:
        return max(0, -code)
