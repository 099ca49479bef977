"""The worker as a process on this machine: the same program as in a pod, given credentials and nothing else of ours."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from shoal.contract.errors import ConfigError, WorkerCrashError, WorkerError
from shoal.contract.exit_codes import CRASH_SIGNALS, WorkerExit
from shoal.contract.job import WorkerCommand
from shoal.engines.local.cgroup import count_oom_kills
from shoal.engines.local.end_process import stop

STOP_S = 10
"""A worker told to stop has written its part and left within 5 s; this is twice that."""

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""What a worker gets of our own environment: none of its secrets."""

_KEPT = "rows up to the last part are kept, the next attempt takes the rest"


class WorkerProcess:
    """One attempt at one shard."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, command: WorkerCommand, credentials: Mapping[str, str], say: Callable[[str], None]) -> None:
        """Run the worker to its end and judge its exit.

        Args:
            command: What it is to do.
            credentials: Environment that `StoreAccess.from_env` reads.
            say: Takes each line it prints.

        Raises:
            ConfigError: A retry cannot help.
            WorkerCrashError: It was ended by what it did itself.
            WorkerError: It ended without finishing its shard.
        """
        oom_kills = count_oom_kills()
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= {"PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONUNBUFFERED": "1", **credentials}
        last = ""
        # A session of its own: Ctrl-C in a terminal reaches us, and we stop the worker in order.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "shoal_worker", *command.to_words()],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            for line in self._process.stdout or ():
                last = line.rstrip()
                say(last)
            code = self._process.wait()
        finally:
            self.stop()
        judge_exit(command.shard, code, last, out_of_memory=code == -signal.SIGKILL and count_oom_kills() > oom_kills)

    def stop(self) -> None:
        """Stop the worker; it writes what it has."""
        if self._process is not None:
            stop(self._process, STOP_S)


def judge_exit(shard: int, code: int, last_line: str, *, out_of_memory: bool = False) -> None:
    """Raise what an exit code means.

    Args:
        shard: Number of the shard.
        code: The exit code, negative for a signal.
        last_line: What the worker said last.
        out_of_memory: Whether the kernel killed it for want of memory; SIGKILL alone does not say who sent it.

    Raises:
        ConfigError: A retry cannot help.
        WorkerCrashError: It was ended by what it did itself.
        WorkerError: It ended without finishing its shard.
    """
    if code == WorkerExit.DONE:
        return
    if code in {WorkerExit.CONFIG, WorkerExit.TOO_MANY_FAILED}:
        raise ConfigError(f"Shard {shard}: {last_line}")
    if code >= 0:
        raise WorkerError(f"Shard {shard} ended with exit code {code}: {last_line}")
    if out_of_memory:
        raise WorkerCrashError(f"Worker of shard {shard} ran out of memory - lower cluster.share; {_KEPT}")
    said = f" (last line: {last_line})" if last_line else ""
    kind = WorkerCrashError if -code in CRASH_SIGNALS else WorkerError
    raise kind(f"Worker of shard {shard} was killed by {_signal_name(-code)}{said} - {_KEPT}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
