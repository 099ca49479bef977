"""The worker as a process on this machine: the same program as in a pod, given credentials and nothing else of ours."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shoal.contract.errors import ConfigError, WorkerError
from shoal.contract.exits import WorkerExit
from shoal.processes import stop

STOP_S = 10
"""A worker told to stop has written its part and left within 5 s; this is twice that."""

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""What a worker gets of our own environment: none of its secrets."""


class WorkerProcess:
    """One attempt at one shard."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, shard: int, arguments: Sequence[str], credentials: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        """Run the worker to its end and judge its exit.

        Args:
            shard: Number of the shard.
            arguments: Command line of `run`.
            credentials: Environment that `StoreAccess.from_env` reads.
            say: Takes each line it prints.

        Raises:
            ConfigError: A retry cannot help.
            WorkerError: It ended without finishing its shard.
        """
        command = [sys.executable, "-m", "shoal_worker", "run", *arguments]
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONUNBUFFERED": "1", **credentials}
        last = ""
        # A session of its own: Ctrl-C in a terminal reaches us, and we stop the worker in order.
        self._process = subprocess.Popen(
            command,
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
        judge_exit(shard, code, last)

    def stop(self) -> None:
        """Stop the worker; it writes what it has."""
        if self._process is not None:
            stop(self._process, STOP_S)


def judge_exit(shard: int, code: int, last_line: str) -> None:
    """Raise what an exit code means.

    Raises:
        ConfigError: A retry cannot help.
        WorkerError: It ended without finishing its shard.
    """
    if code == WorkerExit.DONE:
        return
    if code in {WorkerExit.CONFIG, WorkerExit.TOO_MANY_FAILED}:
        raise ConfigError(f"Shard {shard}: {last_line}")
    if code < 0:
        raise WorkerError(
            f"Worker of shard {shard} was killed by signal {-code} (last line: {last_line}) - rows up to the last part are "
            "kept, the next attempt takes the rest; if it was out of memory, lower cluster.share"
        )
    raise WorkerError(f"Shard {shard} ended with exit code {code}: {last_line}")
