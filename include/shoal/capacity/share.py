"""How many identical worker pods fit now: the scheduler's arithmetic, on plain values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import floor

from shoal.capacity.setting_names import OF_DATASET, SettingNames
from shoal.contract.errors import InsufficientCapacityError, NeverFitsError

DEFAULT_SHARE = 0.8
"""Part of the free room one run takes, as in OSCAR-Batch: others share the cluster."""

ROUNDED = 1e-6
"""Of a core or a byte, less than Kubernetes knows: what sums of binary fractions may lack."""


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
    """How many pods one node takes, and why not one more.

    Attributes:
        name: The node.
        pods: So many.
        binds: The resources that forbid one more; what keeps pods away altogether, when `blocked`.
        free: What the node has left of what a pod asks for; cpu in cores, memory in bytes.
        blocked: Whether something else than room keeps pods away: a taint, a cordon, a selector.
    """

    name: str
    pods: int
    binds: tuple[str, ...]
    free: Mapping[str, float] = field(default_factory=dict)
    blocked: bool = False

    @property
    def shortages(self) -> tuple[str, ...]:
        """Say in the scheduler's words why it takes no more."""
        return (
            self.binds if self.blocked else tuple(_SHORTAGES.get(name, f"Insufficient {name}") for name in self.binds)
        )


_SHORTAGES = {"pods": "Too many pods"}


@dataclass(frozen=True)
class Fit:
    """How many identical pods fit now.

    Attributes:
        pods: So many.
        nodes: The same per node; more than `pods` together where a quota binds.
        request: What one pod asks for; cpu in cores, memory in bytes.
        shortage: Why not even one fits, in the scheduler's words; empty when one does.
        never: Whether not even one would fit if everything else were gone.
        notes: What else bounds the count, or makes it unsure.
    """

    pods: int
    nodes: tuple[NodeFit, ...]
    request: Mapping[str, float]
    shortage: str = ""
    never: bool = False
    notes: tuple[str, ...] = ()


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
        name: max(0, floor((node.free.get(name, 0) + ROUNDED) / wanted))
        for name, wanted in request.items()
        if wanted > 0
    }
    pods = min(per_resource.values(), default=0)
    binds = tuple(sorted(name for name, count in per_resource.items() if count == pods))
    return NodeFit(node.name, pods, binds, node.free)


def fit_nodes(nodes: Sequence[NodeHeadroom], request: Mapping[str, float]) -> Fit:
    """Count the pods that fit machines of which nothing but their headroom is known.

    Pods do not span nodes, so the count is a sum of per-node floors, not a floor of sums: two nodes with 1.5 free
    cores hold two pods of one core, not three.

    Args:
        nodes: Headroom per node.
        request: What one pod asks for, in the units of the headroom.
    """
    fits = tuple(fit_node(node, request) for node in nodes)
    pods = sum(node.pods for node in fits)
    return Fit(pods, fits, request, "" if pods else describe_shortage(fits, request))


def take_share(
    fit: Fit,
    share: float,
    max_pods: int | None,
    what: str = "pods",
    *,
    least: int = 1,
    names: SettingNames = OF_DATASET,
) -> Capacity:
    """Decide how many pods a run starts: `max(1, floor(share x fit))`, at most `max_pods`.

    Args:
        fit: What fits.
        share: Part of the room one run may take, 0 to 1.
        max_pods: Upper bound, None for none.
        what: What is started, in the reason.
        least: Fewer are of no use.
        names: What whoever asks calls these.

    Raises:
        NeverFitsError: Not one pod would fit even if everything else were gone.
        InsufficientCapacityError: Not one pod fits now, or fewer than the least.
    """
    if fit.never:
        raise NeverFitsError(
            f"{fit.shortage}, not even with nothing else running - lower {names.requests}, raise the quota if "
            f"it says so, or add nodes ({names.pods}: N if they are added when pods wait)"
        )
    if fit.pods == 0:
        raise InsufficientCapacityError(f"{fit.shortage} - lower {names.requests} or free some room")
    pods = max(1, floor(share * fit.pods))
    those = f"1 {what.removesuffix('s')} fits" if fit.pods == 1 else f"{fit.pods} {what} fit"
    reason = f"{those} ({describe(fit.request)}), share {share:g}"
    if max_pods is not None and max_pods < pods:
        pods, reason = max_pods, f"{reason}, max_pods {max_pods}"
    # Where a quota leaves less than the nodes do, it binds; the notes name it.
    nodes_bind = sum(node.pods for node in fit.nodes) == fit.pods
    binding = sorted({name for node in fit.nodes if nodes_bind and not node.blocked for name in node.binds})
    bounds = [f"bound by {', '.join(binding)}"] if binding else []
    reason = "; ".join([reason, *bounds, *fit.notes])
    if pods < least:
        raise InsufficientCapacityError(f"{pods} of at least {least} {what} may start: {reason} - free some room")
    return Capacity(pods, fit.pods, fit.nodes, reason)


def plan_capacity(
    nodes: Sequence[NodeHeadroom], request: Mapping[str, float], share: float, max_pods: int | None
) -> Capacity:
    """Decide how many worker processes a run starts on machines with this headroom.

    Args:
        nodes: Headroom per node.
        request: What one pod asks for, in the units of the headroom.
        share: Part of the room one run may take, 0 to 1.
        max_pods: Upper bound, None for none.

    Raises:
        InsufficientCapacityError: No node has room for one pod.
    """
    return take_share(fit_nodes(nodes, request), share, max_pods, "workers")


def describe(request: Mapping[str, float]) -> str:
    """Write a request as operators write it: `cpu 1, memory 2Gi`."""
    ordered = sorted(request.items(), key=lambda each: (each[0] != "cpu", each[0] != "memory", each[0]))
    return ", ".join(f"{name} {_describe_amount(name, value)}" for name, value in ordered) or "no requests"


def describe_shortage(nodes: Sequence[NodeFit], request: Mapping[str, float]) -> str:
    """Write the scheduler's line: how many nodes refuse for which reason, the most frequent first."""
    reasons = Counter(words for node in nodes for words in node.shortages)
    ranked = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    counted = ", ".join(f"{count} {words}" for words, count in ranked) or "there are no nodes"
    return f"0/{len(nodes)} nodes fit one pod ({describe(request)}): {counted}"


def _describe_amount(name: str, value: float) -> str:
    is_bytes = name in {"memory", "ephemeral-storage"} or name.startswith("hugepages-")
    return f"{value / 1024**3:.3g}Gi" if is_bytes else f"{value:g}"
