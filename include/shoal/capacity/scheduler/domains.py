"""Limits on how identical pods are spread over the domains of a topology key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shoal.capacity.scheduler.nodes import Node

SPREAD = "pod topology spread constraints"
ANTI_AFFINITY = "pod anti-affinity rules"


class DomainLimit(Protocol):
    """A rule that pods of one kind obey among themselves, and the scheduler's name for it."""

    name: str

    def start_pass(self) -> None:
        """Look again at what changed since the last pass."""

    def allows(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels may take one more pod."""

    def take(self, labels: Mapping[str, str]) -> None:
        """Count one more pod on a node with these labels."""


@dataclass
class OnePerDomain:
    """Anti-affinity of a pod to its own kind: one per domain; a node without the label is bound by nothing."""

    topology_key: str
    taken: set[str]
    name: str = ANTI_AFFINITY

    def start_pass(self) -> None:
        """Nothing changes between passes."""

    def allows(self, labels: Mapping[str, str]) -> bool:
        """Whether no pod is in the node's domain yet."""
        return labels.get(self.topology_key) not in self.taken

    def take(self, labels: Mapping[str, str]) -> None:
        """Close the node's domain."""
        if (value := labels.get(self.topology_key)) is not None:
            self.taken.add(value)


@dataclass
class EvenSpread:
    """A topology spread constraint: no domain may be more than `max_skew` pods ahead of the emptiest.

    Attributes:
        topology_key: Label whose values are the domains.
        max_skew: Pods a domain may be ahead.
        min_domains: With fewer domains than this, the emptiest counts as empty.
        counts: Pods that the constraint selects, per domain.
        self_match: 1 when it selects the new pods themselves, else 0.
        grows: Whether new pods are counted once they are placed.
    """

    topology_key: str
    max_skew: int
    min_domains: int
    counts: dict[str, int]
    self_match: int
    grows: bool
    name: str = SPREAD
    _least: int = 0

    def start_pass(self) -> None:
        """Find the emptiest domain; it only ever fills up, so what was allowed before still is."""
        self._least = min(self.counts.values(), default=0) if len(self.counts) >= self.min_domains else 0

    def allows(self, labels: Mapping[str, str]) -> bool:
        """Whether one more pod keeps the node's domain within the skew; a node without the label takes none."""
        value = labels.get(self.topology_key)
        return value is not None and self.counts.get(value, 0) + self.self_match - self._least <= self.max_skew

    def take(self, labels: Mapping[str, str]) -> None:
        """Count a pod in the node's domain."""
        if self.grows:
            self.counts[labels[self.topology_key]] += 1


def place_within(caps: Sequence[int], nodes: Sequence[Node], limits: Sequence[DomainLimit], most: int) -> list[int]:
    """Place up to `most` identical pods, one per node and round, until a whole round places none.

    With one limit the total does not depend on the order of the nodes: a pod in one domain never takes away what
    another domain may hold.

    Args:
        caps: Pods each node holds by itself.
        nodes: The nodes.
        limits: The rules; they count what is placed.
        most: Pods to place.
    """
    placed = [0] * len(caps)
    open_nodes = [index for index, cap in enumerate(caps) if cap > 0]
    progress = True
    while progress and most > 0:
        progress = False
        for limit in limits:
            limit.start_pass()
        for index in open_nodes:
            labels = nodes[index].labels
            if most > 0 and all(limit.allows(labels) for limit in limits):
                for limit in limits:
                    limit.take(labels)
                placed[index] += 1
                most -= 1
                progress = True
        open_nodes = [index for index in open_nodes if placed[index] < caps[index]]
    return placed
