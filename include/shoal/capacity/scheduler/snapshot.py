"""A cluster at one moment, as far as the scheduler and the quotas of one namespace look at it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.capacity.scheduler.nodes import Node
from shoal.capacity.scheduler.pods import Pod
from shoal.capacity.scheduler.quotas import Quota


@dataclass(frozen=True)
class ClusterSnapshot:
    """What was read of a cluster.

    Attributes:
        namespace: Where the new pods go.
        nodes: Every node; None when nodes or pods may not be listed.
        pods: Every pod that has not ended.
        quotas: The quotas of the namespace.
        notes: What could not be read, and what follows.
    """

    namespace: str
    nodes: tuple[Node, ...] | None
    pods: tuple[Pod, ...]
    quotas: tuple[Quota, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Promise:
    """Room that another run was promised and has not taken yet.

    Attributes:
        pod: One of its pods, as it will be created; its namespace is that of the snapshot if it does not say.
        pods: Pods that do not exist yet.
    """

    pod: Mapping[str, Any]
    pods: int
