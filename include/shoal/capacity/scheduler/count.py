"""How many identical pods the nodes take, one node at a time and all together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shoal.capacity.scheduler.domains import DomainLimit, place_within
from shoal.capacity.scheduler.node_room import NodeRoom, Space, find_space
from shoal.capacity.scheduler.nodes import Rejection, reject_by_rules
from shoal.capacity.scheduler.pods import Pod
from shoal.capacity.scheduler.topology import Neighbours, limits_of, series_group

EVERY = 1 << 62
"""More pods than any cluster holds."""

_AFFINITY = Rejection("didn't match pod affinity rules")


@dataclass(frozen=True)
class Counted:
    """How many pods of one kind go to one node, and why not one more."""

    pods: int
    binds: tuple[str, ...]
    rejection: Rejection | None = None


def count_pods(pod: Pod, rooms: Sequence[NodeRoom], most: int = EVERY) -> list[Counted]:
    """Count the identical pods that the scheduler would put on each node.

    Args:
        pod: One of them.
        rooms: Every node, with what is on it.
        most: Pods there are.
    """
    neighbours = Neighbours.find(pod, rooms)
    spaces = [_space(pod, room, neighbours) for room in rooms]
    caps = [space.pods for space in spaces]
    if neighbours.starts_series:
        group = set(series_group(pod, rooms, caps))
        caps = [cap if index in group else 0 for index, cap in enumerate(caps)]
    limits = limits_of(pod, rooms)
    nodes = [room.node for room in rooms]
    placed = place_within(caps, nodes, limits, most) if limits or most < EVERY else caps
    return [_explain(*each, limits) for each in zip(placed, caps, spaces, rooms, strict=True)]


def place_pods(pod: Pod, rooms: Sequence[NodeRoom], start: int, most: int) -> Iterator[tuple[NodeRoom, int]]:
    """Find where up to `most` identical pods go, first fit, without looking at more nodes than needed.

    Args:
        pod: One of them.
        rooms: Every node, with what is on it.
        start: The first node that may have space.
        most: Pods there are.

    Yields:
        A node and how many pods go there, at least one.
    """
    if pod.anti_affinity or pod.rules.affinity or pod.rules.spread:
        counts = count_pods(pod, rooms, most)
        yield from ((room, each.pods) for room, each in zip(rooms, counts, strict=True) if each.pods)
        return
    neighbours = Neighbours.find(pod, rooms)
    for room in rooms[start:]:
        if most == 0:
            return
        if pods := min(most, _space(pod, room, neighbours).pods):
            yield room, pods
            most -= pods


def _space(pod: Pod, room: NodeRoom, neighbours: Neighbours) -> Space:
    """Apply every filter to one node, in the scheduler's order."""
    if rejection := reject_by_rules(pod.rules, room.node):
        return Space(0, (), rejection)
    space = find_space(pod, room)
    if space.pods > 0 and (rejection := neighbours.reject(room.node)):
        return Space(0, (), rejection)
    return space


def _explain(placed: int, cap: int, space: Space, room: NodeRoom, limits: Sequence[DomainLimit]) -> Counted:
    if placed == space.pods:
        return Counted(placed, space.binds, space.rejection)
    if cap < space.pods:
        return Counted(0, (), _AFFINITY)
    names = tuple(limit.name for limit in limits if not limit.allows(room.node.labels))
    return Counted(placed, names, None if placed else Rejection(f"didn't match {', '.join(names)}"))
