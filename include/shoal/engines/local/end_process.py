"""Ending a process we started, and nothing else."""

import subprocess
from typing import Any


def stop(process: "subprocess.Popen[Any]", patience_s: float) -> None:
    """Ask a process to end, wait, and kill it when it does not; nothing happens when it has ended."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
