"""The worker asked in a process of its own: its libraries are not imported here, and what ends it ends nobody else."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def ask_worker(words: Sequence[str], limit_s: float) -> "subprocess.CompletedProcess[str]":
    """Run a command of the worker to its end.

    Args:
        words: The command and its options, as `python -m shoal_worker` takes them; paths are whole ones.
        limit_s: Seconds after which it is ended.

    Raises:
        subprocess.TimeoutExpired: It took longer.
        OSError: No process could be started.
    """
    # The folders that this process imports from are the child's too: Airflow adds some that no environment names.
    folders = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path if folder)
    # It starts in a folder where nothing lies: what a model or a library looks for beside itself is not Airflow's.
    with tempfile.TemporaryDirectory(prefix="shoal-worker-") as empty:
        return subprocess.run(
            [sys.executable, "-m", "shoal_worker", *words],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
            cwd=empty,
            env={**os.environ, "PYTHONPATH": folders},
        )
