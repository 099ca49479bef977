"""Pod affinity, anti-affinity and topology spread of one kind of pod among the pods that are there."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shoal.capacity.scheduler.domains import ANTI_AFFINITY, SPREAD, DomainLimit, EvenSpread, OnePerDomain
from shoal.capacity.scheduler.node_room import NodeRoom
from shoal.capacity.scheduler.nodes import Node, Rejection, matches_affinity
from shoal.capacity.scheduler.pods import Pod, PodTerm, Spread
from shoal.capacity.scheduler.taints import find_untolerated

HOSTNAME = "kubernetes.io/hostname"

Domain = tuple[str, str]
"""A topology key and one of its values."""


@dataclass(frozen=True)
class Neighbours:
    """What the pods that are there mean for one kind of pod.

    Attributes:
        pod: The pod.
        refusing: Domains where a pod is that refuses it.
        refused: Domains where a pod is that it refuses.
        wanted: Domains where a pod is that it wants to be near; None when it wants none, or starts a series.
        starts_series: Whether it wants its own kind near, and there is none yet.
    """

    pod: Pod
    refusing: frozenset[Domain]
    refused: frozenset[Domain]
    wanted: frozenset[Domain] | None
    starts_series: bool

    @classmethod
    def find(cls, pod: Pod, rooms: Sequence[NodeRoom]) -> "Neighbours":
        """Look at every pod on every node."""
        near, refused = set[Domain](), set[Domain]()
        refusing = {
            domain
            for room in rooms
            for other in room.refusing
            for term in other.anti_affinity
            if term.matches(pod, if_unsure=True)
            for domain in _domains([term], room.node)
        }
        for room in rooms if pod.anti_affinity or pod.rules.affinity else ():
            for other, _ in room.pods:
                own = [term for term in pod.anti_affinity if term.matches(other, if_unsure=True)]
                refused.update(_domains(own, room.node))
                if _is_near(pod, other):
                    near.update(_domains(pod.rules.affinity, room.node))
        starts_series = not near and _is_near(pod, pod)
        wanted = frozenset(near) if pod.rules.affinity and not starts_series else None
        return cls(pod, frozenset(refusing), frozenset(refused), wanted, starts_series)

    def reject(self, node: Node) -> Rejection | None:
        """Apply the filters of topology that new pods of this kind do not change, in the scheduler's order."""
        if any(spread.topology_key not in node.labels for spread in self.pod.rules.spread):
            return Rejection(f"didn't match {SPREAD} (missing required label)")
        for term in self.pod.rules.affinity:
            domain = (term.topology_key, node.labels.get(term.topology_key, ""))
            missing = term.topology_key not in node.labels
            if missing or (self.wanted is not None and domain not in self.wanted):
                return Rejection("didn't match pod affinity rules")
        own_keys = {term.topology_key for term in self.pod.anti_affinity}
        if any((key, node.labels.get(key)) in self.refused for key in own_keys):
            return Rejection(f"didn't match {ANTI_AFFINITY}")
        if self.refusing and any(domain in self.refusing for domain in node.labels.items()):
            return Rejection("didn't satisfy existing pods anti-affinity rules")
        return None


def limits_of(pod: Pod, rooms: Sequence[NodeRoom]) -> list[DomainLimit]:
    """Make the limits that new pods of this kind set each other."""
    own = {term.topology_key for term in pod.anti_affinity if term.matches(pod, if_unsure=True)}
    spread = [_even_spread(each, pod, rooms) for each in pod.rules.spread]
    return [*spread, *(OnePerDomain(key, set()) for key in sorted(own))]


def series_group(pod: Pod, rooms: Sequence[NodeRoom], caps: Sequence[int]) -> list[int]:
    """Choose the nodes of a series of pods that want their own kind near, where there is none yet.

    The scheduler puts the first one where it likes, and the others must follow into its domains: the least that may
    come of it is the smallest group of nodes with the same domains.

    Args:
        pod: One of the series.
        rooms: Every node.
        caps: Pods each node holds by itself.

    Returns:
        Indices of the nodes.
    """
    keys = sorted({term.topology_key for term in pod.rules.affinity})
    groups: dict[tuple[str | None, ...], list[int]] = {}
    for index, room in enumerate(rooms):
        if caps[index] > 0:
            groups.setdefault(tuple(map(room.node.labels.get, keys)), []).append(index)
    return min(groups.values(), key=lambda group: sum(caps[index] for index in group), default=[])


def doubts(pod: Pod, others: Iterable[Pod]) -> list[str]:
    """Tell what makes a count of identical pods a lower bound: the scheduler may choose nodes that leave more room."""
    apart = {term.topology_key for term in pod.anti_affinity} | {spread.topology_key for spread in pod.rules.spread}
    keys = sorted((apart - {HOSTNAME}) | {term.topology_key for term in pod.rules.affinity})
    theirs = (term for other in others for term in other.anti_affinity)
    is_unsure = any(term.is_unsure for term in (*pod.anti_affinity, *pod.rules.affinity, *theirs))
    return [*(f"topology key {key}" for key in keys), *(["namespaces selected by label"] if is_unsure else [])]


def _is_near(pod: Pod, other: Pod) -> bool:
    return bool(pod.rules.affinity) and all(term.matches(other, if_unsure=False) for term in pod.rules.affinity)


def _domains(terms: Sequence[PodTerm], node: Node) -> Iterator[Domain]:
    for term in terms:
        if term.topology_key in node.labels:
            yield term.topology_key, node.labels[term.topology_key]


def _even_spread(spread: Spread, pod: Pod, rooms: Sequence[NodeRoom]) -> EvenSpread:
    keys = {each.topology_key for each in pod.rules.spread}
    counts: Counter[str] = Counter()
    for room in rooms:
        if not keys <= room.node.labels.keys() or not _is_eligible(spread, pod, room.node):
            continue
        # An empty selector counts no pod, although it selects the new one.
        selected = 0 if spread.selector.is_empty else sum(n for other, n in room.pods if _counts(spread, pod, other))
        counts[room.node.labels[spread.topology_key]] += selected
    self_match = spread.selector.matches(pod.labels)
    return EvenSpread(
        spread.topology_key,
        spread.max_skew,
        spread.min_domains,
        dict(counts),
        self_match=int(self_match),
        grows=self_match and not spread.selector.is_empty,
    )


def _is_eligible(spread: Spread, pod: Pod, node: Node) -> bool:
    if spread.honor_affinity and not matches_affinity(pod.rules, node):
        return False
    return not (spread.honor_taints and find_untolerated(node.taints, pod.rules.tolerations))


def _counts(spread: Spread, pod: Pod, other: Pod) -> bool:
    return other.namespace == pod.namespace and not other.terminating and spread.selector.matches(other.labels)
