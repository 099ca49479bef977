"""Processes with all that they started: found, and ended so that workers can write what they have."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from shoal.embedded.home import OWNER_VARIABLE

WORKER_LEAVES_S = 10
"""A worker told to stop has written its part and left within 5 s; this is twice that."""


def family_of(pids: Iterable[int]) -> list[psutil.Process]:
    """Find processes and all their descendants, as far as they still run."""
    found: dict[int, psutil.Process] = {}
    for pid in pids:
        try:
            process = psutil.Process(pid)
            found |= {member.pid: member for member in (process, *process.children(recursive=True))}
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def end_family(family: Iterable[psutil.Process], patience_s: float) -> None:
    """Terminate processes, wait, and kill what is left; an impatient Ctrl-C ends the wait.

    Args:
        family: What to end; new children of it are not looked for.
        patience_s: Seconds until those that still run are killed.
    """
    members = list(family)
    for process in members:
        _signal(process.terminate)
    alive = members
    try:
        _, alive = psutil.wait_procs(members, timeout=patience_s)
    finally:
        for process in alive:
            _signal(process.kill)
        psutil.wait_procs(alive, timeout=WORKER_LEAVES_S)


def end_leftovers(root: Path) -> list[int]:
    """End what a killed command left running over a folder; the caller holds its lock, so nobody else started them.

    The store goes last: workers write their last part into it.

    Returns:
        Process ids of what was ended.
    """
    marked = find_marked(OWNER_VARIABLE, str(root))
    store = [process.pid for process in marked if _name(process) == "rclone"]
    others = family_of(process.pid for process in marked if process.pid not in store)
    end_family(others, WORKER_LEAVES_S)
    end_family(family_of(store), WORKER_LEAVES_S)
    return [*(process.pid for process in others), *store]


def find_marked(variable: str, value: str) -> list[psutil.Process]:
    """Find the processes that were started with a variable of this value, whoever is their parent by now."""
    return [process for process in psutil.process_iter() if _is_marked(process, variable, value)]


def _is_marked(process: psutil.Process, variable: str, value: str) -> bool:
    # This process marked its own environment after its start, which is not what others see of it.
    try:
        return process.pid != os.getpid() and process.environ().get(variable) == value
    except (psutil.Error, OSError):
        return False


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return
