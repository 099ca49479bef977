"""Nodes, and why one of them takes no pod of a kind, however empty it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.capacity.scheduler.pods import Rules
from shoal.capacity.scheduler.requests import scheduler_units
from shoal.capacity.scheduler.selectors import any_matches
from shoal.capacity.scheduler.taints import UNSCHEDULABLE, Taint, find_untolerated
from shoal.contract.units import parse_quantity


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the scheduler sees it.

    Attributes:
        name: Its name.
        labels: Its labels.
        taints: Its taints; a node that is not ready, or short of something, has one for it.
        unschedulable: Whether it is cordoned.
        allocatable: What it has for pods: cpu in thousandths, everything else in units, `pods` among it.
    """

    name: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    unschedulable: bool
    allocatable: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a node takes no pod, in the scheduler's words.

    Attributes:
        words: The reason.
        lasts: Whether it would be the same on an empty node.
    """

    words: str
    lasts: bool = False


def parse_node(raw: Mapping[str, Any]) -> Node:
    """Read a node, as the API writes it."""
    spec, allocatable = raw.get("spec") or {}, (raw.get("status") or {}).get("allocatable") or {}
    return Node(
        name=raw["metadata"]["name"],
        labels=raw["metadata"].get("labels") or {},
        taints=tuple(map(Taint.parse, spec.get("taints") or ())),
        unschedulable=bool(spec.get("unschedulable")),
        allocatable=scheduler_units({name: parse_quantity(text) for name, text in allocatable.items()}),
    )


def reject_by_rules(rules: Rules, node: Node) -> Rejection | None:
    """Apply the filters that look at the node object alone, in the scheduler's order; None when it passes them all."""
    cordon = Taint(UNSCHEDULABLE, "", "NoSchedule")
    if node.unschedulable and not any(each.tolerates(cordon) for each in rules.tolerations):
        return Rejection("unschedulable (cordoned)")
    if rules.node_name and rules.node_name != node.name:
        return Rejection("didn't match the requested node name", lasts=True)
    if taint := find_untolerated(node.taints, rules.tolerations):
        return Rejection(f"untolerated taint {taint}", lasts=not taint.passes)
    if not matches_affinity(rules, node):
        return Rejection("didn't match Pod's node affinity/selector", lasts=True)
    return None


def rejects_for_good(rules: Rules, node: Node) -> bool:
    """Whether a rule that does not pass with time keeps the pod away, whatever else does so now, such as a cordon."""
    lasting = tuple(taint for taint in node.taints if not taint.passes)
    misnamed = bool(rules.node_name) and rules.node_name != node.name
    return misnamed or not matches_affinity(rules, node) or bool(find_untolerated(lasting, rules.tolerations))


def matches_affinity(rules: Rules, node: Node) -> bool:
    """Whether a node meets `nodeSelector` and the required node affinity."""
    if not all(each.matches(node.labels) for each in rules.node_selector):
        return False
    return rules.node_terms is None or any_matches(rules.node_terms, node.name, node.labels)
