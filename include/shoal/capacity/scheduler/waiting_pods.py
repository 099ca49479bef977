"""Pods that wait for the same room: they are put on nodes before anything of ours is counted."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from shoal.capacity.scheduler.count import place_pods
from shoal.capacity.scheduler.node_room import NodeRoom, find_space
from shoal.capacity.scheduler.nodes import reject_by_rules
from shoal.capacity.scheduler.pods import Pod, Rules


def find_competitors(pods: Iterable[Pod], priority: int) -> list[tuple[Pod, int]]:
    """Find the pods that the scheduler serves before new ones of a priority, and how many there are of each.

    Unbound, not held back by gates, not being deleted, of the same priority or a higher one. Highest first, else in
    the order given. A nominated pod is no competitor: room is made for it already, see `fit_pods`.

    Args:
        pods: Pods of the cluster.
        priority: Priority of the new pods.
    """
    counts: dict[Hashable, list[Pod]] = {}
    for pod in pods:
        waits = not (pod.node or pod.nominated_node or pod.gated or pod.terminating)
        if waits and pod.priority >= priority:
            counts.setdefault(pod.identity, []).append(pod)
    batches = [(same[0], len(same)) for same in counts.values()]
    return sorted(batches, key=lambda batch: -batch[0].priority)


@dataclass
class Packing:
    """Puts pods on nodes, first fit; a node that is full for one pod stays full for the next of its shape."""

    rooms: Sequence[NodeRoom]
    _starts: dict[Hashable, int] = field(default_factory=dict)

    def put(self, pod: Pod, count: int) -> None:
        """Put up to `count` identical pods where they fit; those that fit nowhere take nothing."""
        start = self._find_start(pod)
        if start == len(self.rooms):
            return
        placed = place_pods(pod, self.rooms, start, count)
        for room, pods in placed:
            room.take(pod, pods)

    def _find_start(self, pod: Pod) -> int:
        """Find the first node with space for one pod, apart from what its neighbours say."""
        rules: Rules = replace(pod.rules, affinity=(), spread=())
        shape = (frozenset(pod.requests.items()), rules, pod.host_ports)
        start = self._starts.get(shape, 0)
        while start < len(self.rooms) and not _has_space(pod, self.rooms[start]):
            start += 1
        self._starts[shape] = start
        return start


def _has_space(pod: Pod, room: NodeRoom) -> bool:
    return reject_by_rules(pod.rules, room.node) is None and find_space(pod, room).pods > 0
