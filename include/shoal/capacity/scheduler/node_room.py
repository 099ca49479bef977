"""What is taken on a node, and how many more pods of a kind its resources hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shoal.capacity.scheduler.nodes import Node, Rejection
from shoal.capacity.scheduler.pods import HostPort, Pod

PODS = "pods"
"""The resource every pod takes one of."""


@dataclass
class NodeRoom:
    """A node with what its pods take; filled up while pods are counted into it.

    Attributes:
        node: The node.
        requested: Taken of each resource, in the node's units.
        pods: The pods on it, and how many there are of each.
        refusing: Those of them that refuse others by anti-affinity.
        ports: The host ports bound on it.
    """

    node: Node
    requested: dict[str, int] = field(default_factory=lambda: {PODS: 0})
    pods: list[tuple[Pod, int]] = field(default_factory=list)
    refusing: list[Pod] = field(default_factory=list)
    ports: list[HostPort] = field(default_factory=list)

    def take(self, pod: Pod, count: int) -> None:
        """Put some identical pods on the node."""
        for name, amount in pod.requests.items():
            self.requested[name] = self.requested.get(name, 0) + amount * count
        self.requested[PODS] += count
        self.pods.append((pod, count))
        self.ports.extend(pod.host_ports)
        if pod.anti_affinity:
            self.refusing.append(pod)

    def free(self, name: str) -> int:
        """What is left of a resource; less than nothing on an overcommitted node."""
        return self.node.allocatable.get(name, 0) - self.requested.get(name, 0)


@dataclass(frozen=True, slots=True)
class Space:
    """How many identical pods a node holds by its resources and host ports.

    Attributes:
        pods: So many.
        binds: The resources that forbid one more.
        rejection: Why there is no space for one.
    """

    pods: int
    binds: tuple[str, ...]
    rejection: Rejection | None = None


def find_space(pod: Pod, room: NodeRoom) -> Space:
    """Count the identical pods that resources and host ports of a node allow.

    A resource counts only if the pod asks for some of it: a node whose memory is overcommitted still takes a pod that
    requests none.
    """
    if any(wanted.conflicts(bound) for wanted in pod.host_ports for bound in room.ports):
        return Space(0, (), Rejection("didn't have free ports for the requested pod ports"))
    per_resource = {
        name: max(0, room.free(name) // wanted) for name, wanted in (*pod.requests.items(), (PODS, 1)) if wanted > 0
    }
    pods = min(per_resource.values())
    binds = tuple(sorted(name for name, count in per_resource.items() if count == pods))
    if pods == 0:
        return Space(0, binds)
    return Space(1, ("host ports",)) if pod.host_ports and pods > 1 else Space(pods, binds)


def lacks_when_empty(requests: Mapping[str, int], node: Node) -> bool:
    """Whether a pod does not fit a node that holds nothing else."""
    wanted = (*requests.items(), (PODS, 1))
    return any(amount > node.allocatable.get(name, 0) for name, amount in wanted if amount > 0)
