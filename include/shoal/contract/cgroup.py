"""What the kernel says of our control group, version 1 or 2; a process we start is in it too.

A limit holds for all below it, so each level from our own up to the root is read; a container may see the root alone.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def count_oom_kills() -> int:
    """Count the processes of our control group that the kernel has killed for want of memory; 0 where it does not say."""
    for folder in _levels("memory"):
        for name in ("memory.events", "memory.oom_control"):
            if (count := _entries(folder / name).get("oom_kill")) is not None:
                return int(count)
    return 0


def read_core_limit() -> float | None:
    """Read how many cores' time our control group gets; None where it has no limit."""
    limits = []
    for folder in _levels("cpu"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if not quota:
            quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit():
            limits.append(int(quota) / int(period))
    return min(limits, default=None)


def read_cores() -> int:
    """Read how many CPUs this process may use, by affinity and by its container's quota; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = read_core_limit()
    return cores if limit is None else max(1, min(cores, int(limit)))


def read_memory_limit() -> int | None:
    """Read the bytes that our control group may take in all; None where it has no limit."""
    limits = []
    for folder in _levels("memory"):
        limit = _read(folder / "memory.max") or _read(folder / "memory.limit_in_bytes")
        if limit.isdigit():  # version 1 writes a number beyond any machine's where there is none
            limits.append(int(limit))
    return min(limits, default=None)


def read_free_memory() -> float | None:
    """Read the bytes that our control group may still take; None where it has no limit."""
    return min((left for folder in _levels("memory") if (left := _free_memory(folder)) is not None), default=None)


def _free_memory(folder: Path) -> float | None:
    limit, used = _read(folder / "memory.max"), _read(folder / "memory.current")
    if not limit:
        limit, used = _read(folder / "memory.limit_in_bytes"), _read(folder / "memory.usage_in_bytes")
    if not (limit.isdigit() and used.isdigit()):
        return None
    # What the page cache holds is given back when asked for; the kubelet leaves it out too.
    stat = _entries(folder / "memory.stat")
    cache = stat.get("total_inactive_file", stat.get("inactive_file", "0"))
    return float(int(limit) - int(used) + int(cache))


def _levels(controller: str) -> Iterator[Path]:
    """List the folders of our control group, its own first and the root last."""
    for line in _read(_OWN).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = _ROOT / controller if controllers else _ROOT
        folder = root / path.strip("/")
        yield folder
        yield from (parent for parent in folder.parents if parent.is_relative_to(root))


def _entries(path: Path) -> dict[str, str]:
    pairs = (line.split() for line in _read(path).splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
