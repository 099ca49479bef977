"""One shard as a local process: the same worker, formats and results as in a pod."""

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from shoal.contract.errors import ConfigError, WorkerError
from shoal.contract.exits import WorkerExit
from shoal.dataset import Dataset
from shoal.operators.errors import translated_errors
from shoal.processes import stop

log = logging.getLogger(__name__)

STOP_S = 10
"""A worker told to stop has written its part and left within 5 s; this is twice that."""

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""What a worker gets of Airflow's own environment: none of its secrets."""


class ShardProcessOperator(BaseOperator):
    """Run the worker over one shard, beside Airflow on this machine.

    The task's state decides nothing: rows do. Before every attempt but the first, cleared or retried, the shard is joined
    with what is settled now, so nothing is inferred twice.

    Args:
        dataset: The dataset's settings, as `Dataset.model_dump(mode="json")` writes them.
        shard: One element of what the plan returned.
    """

    template_fields: Sequence[str] = ("shard",)
    ui_color = "#d9efe3"

    def __init__(self, *, dataset: dict[str, Any], shard: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.shard = shard
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> None:
        """Start the worker, pass its lines on, judge its exit."""
        from shoal.operators.shard_work import prepare_shard  # noqa: PLC0415 - see the package's docstring

        with translated_errors():
            dataset = Dataset.model_validate(self.dataset)
            work = prepare_shard(dataset, self.shard, context["ti"].try_number)
            if work is not None:
                self._judge(*self._run_worker(work.arguments, work.stores.worker_env()))

    def on_kill(self) -> None:
        """Stop the worker; it writes what it has."""
        if self._process is not None:
            stop(self._process, STOP_S)

    def _run_worker(self, arguments: Sequence[str], credentials: dict[str, str]) -> tuple[int, str]:
        """Run the worker to its end; return its exit code and last line."""
        command = [sys.executable, "-m", "shoal_worker", "run", *arguments]
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1", **credentials}
        last = ""
        # A session of its own: Ctrl-C in a terminal reaches Airflow, and Airflow stops the worker in order.
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
                log.info("%s", last)
            return self._process.wait(), last
        finally:
            stop(self._process, STOP_S)

    def _judge(self, code: int, last_line: str) -> None:
        shard = self.shard["shard"]
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
