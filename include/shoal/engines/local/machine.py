"""This machine as a node of one: what local worker processes can still get."""

import os
import socket
from collections.abc import Mapping, Sequence

import psutil

from shoal.capacity.share import Capacity, NodeHeadroom, plan_capacity
from shoal.contract.cgroup import read_core_limit, read_free_memory
from shoal.settings.execution import Cluster


def find_room(cluster: Cluster, nodes: Sequence[NodeHeadroom], request: Mapping[str, float]) -> Capacity:
    """Count the worker processes that may start on machines with this headroom.

    Args:
        cluster: The share that may be taken.
        nodes: The machines.
        request: What one takes, by resource.

    Raises:
        InsufficientCapacityError: Not one fits.
    """
    return plan_capacity(nodes, request, cluster.share, cluster.max_pods)


def read_headroom() -> NodeHeadroom:
    """Measure free cores and memory, the way a container sees them where there is a control group's limit."""
    return NodeHeadroom(socket.gethostname(), {"cpu": _cores(), "memory": _memory_bytes()})


def _cores() -> float:
    """Cores this process may run on; other processes' load is theirs to share."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    limit = read_core_limit()
    return cores if limit is None else min(cores, limit)


def _memory_bytes() -> float:
    available, limit = float(psutil.virtual_memory().available), read_free_memory()
    return available if limit is None else min(available, limit)
