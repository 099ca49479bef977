"""How many identical worker pods fit now: the scheduler's arithmetic, on plain values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from shoal.contract.errors import InsufficientCapacityError


@dataclass(frozen=True)
class NodeHeadroom:
    """What one node can still give.

    Attributes:
        name: The node.
        free: Allocatable minus requested, by resource; cpu in cores, memory in bytes.
    """

    name: str
    free: Mapping[str, float]


@dataclass(frozen=True)
class NodeFit:
    """How many pods one node takes, and the resources that forbid one more."""

    name: str
    pods: int
    binds: tuple[str, ...]


@dataclass(frozen=True)
class Capacity:
    """What fits now, and how much of it a run takes.

    Attributes:
        pods: Pods this run may start.
        fit: Pods that fit.
        nodes: The same per node.
        reason: In the scheduler's words, what binds.
    """

    pods: int
    fit: int
    nodes: tuple[NodeFit, ...]
    reason: str


def fit_node(node: NodeHeadroom, request: Mapping[str, float]) -> NodeFit:
    """Count the pods one node takes: the smallest `floor(free / request)` over the requested resources."""
    per_resource = {
        name: max(0, floor(node.free.get(name, 0) / wanted + 1e-9)) for name, wanted in request.items() if wanted > 0
    }
    pods = min(per_resource.values(), default=0)
    return NodeFit(node.name, pods, tuple(sorted(name for name, count in per_resource.items() if count == pods)))


def plan_capacity(
    nodes: Sequence[NodeHeadroom], request: Mapping[str, float], share: float, max_pods: int | None
) -> Capacity:
    """Decide how many pods a run starts: `max(1, floor(share x fit))`, at most `max_pods`.

    Pods do not span nodes, so `fit` is a sum of per-node floors, not a floor of sums: two nodes with 1.5 free cores
    hold two pods of one core, not three.

    Args:
        nodes: Headroom per node.
        request: What one pod asks for, in the units of the headroom.
        share: Part of the room one run may take, 0 to 1 (OSCAR-Batch takes 0.8).
        max_pods: Upper bound, None for none.

    Raises:
        InsufficientCapacityError: No node has room for one pod.
    """
    fits = tuple(fit_node(node, request) for node in nodes)
    fit = sum(node.pods for node in fits)
    if fit == 0:
        raise InsufficientCapacityError(
            f"0/{len(nodes)} nodes fit one pod ({describe(request)}): {_insufficient(fits)} - "
            "lower cluster.pod in the dataset file or free some room"
        )
    pods = max(1, floor(share * fit))
    reason = f"{fit} pods fit ({describe(request)}), share {share:g}"
    if max_pods is not None and max_pods < pods:
        pods, reason = max_pods, f"{reason}, max_pods {max_pods}"
    binding = Counter(resource for node in fits for resource in node.binds)
    return Capacity(pods, fit, fits, f"{reason}; bound by {', '.join(sorted(binding))}")


def describe(request: Mapping[str, float]) -> str:
    """Write a request as operators write it: `cpu 1, memory 2Gi`."""
    return ", ".join(
        f"{name} {value / 1024**3:.3g}Gi" if name == "memory" else f"{name} {value:g}"
        for name, value in request.items()
    )


def _insufficient(fits: Sequence[NodeFit]) -> str:
    counts = Counter(resource for node in fits for resource in node.binds)
    return ", ".join(f"{count} Insufficient {resource}" for resource, count in sorted(counts.items()))
