"""This machine as a node of one: what local worker processes can still get."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import psutil

from shoal.capacity.share import Capacity, NodeHeadroom, plan_capacity
from shoal.contract.units import parse_quantity
from shoal.settings.execution import Cluster

_CGROUP = Path("/sys/fs/cgroup")


def find_room(cluster: Cluster, nodes: Sequence[NodeHeadroom]) -> Capacity:
    """Count the worker processes that may start on machines with this headroom.

    Raises:
        InsufficientCapacityError: Not one fits.
    """
    request = {"cpu": float(parse_quantity(cluster.pod.cpu)), "memory": float(parse_quantity(cluster.pod.memory))}
    return plan_capacity(nodes, request, cluster.share, cluster.max_pods)


def read_headroom() -> NodeHeadroom:
    """Measure free cores and memory, the way a container sees them where there is a cgroup limit."""
    return NodeHeadroom(socket.gethostname(), {"cpu": _cores(), "memory": _memory_bytes()})


def _cores() -> float:
    """Cores this process may run on; other processes' load is theirs to share."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quota = _read_cgroup("cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit():
        cores = min(cores, int(quota[0]) / int(quota[1]))
    return cores


def _memory_bytes() -> float:
    available = float(psutil.virtual_memory().available)
    limit, used = _read_cgroup("memory.max"), _read_cgroup("memory.current")
    if limit.isdigit() and used.isdigit():
        # What the page cache holds is given back when asked for; the kubelet leaves it out too.
        cache = dict(line.split() for line in _read_cgroup("memory.stat").splitlines()).get("inactive_file", "0")
        available = min(available, int(limit) - int(used) + int(cache))
    return available


def _read_cgroup(name: str) -> str:
    try:
        return (_CGROUP / name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
