"""Pods as the scheduler sees them: what they take from a node, and where they may go."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shoal.capacity.scheduler.requests import is_sidecar, pod_requests, scheduler_units
from shoal.capacity.scheduler.selectors import LabelSelector, NodeTerm, Requirement
from shoal.capacity.scheduler.taints import Toleration

_COUNTED = ("name", "resources", "ports", "restartPolicy")


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port of the node that a pod binds; an empty address is every address."""

    port: int
    protocol: str
    address: str

    def conflicts(self, other: "HostPort") -> bool:
        """Whether both cannot be bound on one node."""
        same = (self.port, self.protocol) == (other.port, other.protocol)
        return same and (self.address == other.address or not self.address or not other.address)


@dataclass(frozen=True, slots=True)
class PodTerm:
    """One required term of pod (anti-)affinity: which pods, and over which topology.

    Attributes:
        topology_key: Label of the nodes whose values are the domains.
        selector: Labels of the pods meant.
        namespaces: Their namespaces.
        other_namespaces: Whether the term also selects namespaces by their labels.
    """

    topology_key: str
    selector: LabelSelector
    namespaces: frozenset[str]
    other_namespaces: LabelSelector

    @classmethod
    def parse(cls, raw: Mapping[str, Any], namespace: str) -> "PodTerm":
        """Read a term of a pod in this namespace."""
        named, by_label = raw.get("namespaces") or (), raw.get("namespaceSelector")
        own = () if named or by_label is not None else (namespace,)
        return cls(
            raw["topologyKey"],
            LabelSelector.parse(raw.get("labelSelector")),
            frozenset((*named, *own)),
            LabelSelector.parse(by_label),
        )

    @property
    def is_unsure(self) -> bool:
        """Whether it depends on the labels of namespaces, which are not read."""
        return bool(self.other_namespaces.requirements)

    def matches(self, pod: "Pod", *, if_unsure: bool) -> bool:
        """Whether the term means this pod; `if_unsure` where the labels of its namespace decide."""
        inside = pod.namespace in self.namespaces or self.other_namespaces.is_empty or (self.is_unsure and if_unsure)
        return inside and self.selector.matches(pod.labels)


@dataclass(frozen=True, slots=True)
class Spread:
    """One `DoNotSchedule` constraint on how evenly pods spread over domains."""

    topology_key: str
    max_skew: int
    min_domains: int
    selector: LabelSelector
    honor_affinity: bool
    honor_taints: bool

    @classmethod
    def parse(cls, raw: Mapping[str, Any], labels: Mapping[str, str]) -> "Spread":
        """Read a constraint of a pod with these labels."""
        selector = LabelSelector.parse(raw.get("labelSelector"))
        own = tuple(Requirement(key, "In", (labels[key],)) for key in raw.get("matchLabelKeys") or () if key in labels)
        return cls(
            raw["topologyKey"],
            raw["maxSkew"],
            raw.get("minDomains") or 1,
            LabelSelector((*selector.requirements, *own), nothing=selector.nothing),
            honor_affinity=raw.get("nodeAffinityPolicy") != "Ignore",
            honor_taints=raw.get("nodeTaintsPolicy") == "Honor",
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """Where a pod may go; matters until it is there."""

    node_name: str = ""
    node_selector: tuple[Requirement, ...] = ()
    node_terms: tuple[NodeTerm, ...] | None = None
    tolerations: tuple[Toleration, ...] = ()
    affinity: tuple[PodTerm, ...] = ()
    spread: tuple[Spread, ...] = ()


PLACED = Rules()
"""Of a pod that has its node."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that has not ended.

    Attributes:
        namespace: Its namespace.
        labels: Its labels.
        requests: What it takes from its node: cpu in thousandths, everything else in units.
        priority: Its priority.
        node: Its node, empty until it is bound.
        nominated_node: The node that the scheduler makes room on for it, or empty.
        gated: Whether scheduling gates keep it out of the queue.
        terminating: Whether it is being deleted.
        host_ports: Ports it binds on its node.
        anti_affinity: Pods it refuses to share a domain with, also after it is placed.
        rules: Where it may go.
    """

    namespace: str
    labels: Mapping[str, str]
    requests: Mapping[str, int]
    priority: int
    node: str
    nominated_node: str
    gated: bool
    terminating: bool
    host_ports: tuple[HostPort, ...]
    anti_affinity: tuple[PodTerm, ...]
    rules: Rules

    @property
    def identity(self) -> Hashable:
        """What two pods share that the scheduler cannot tell apart."""
        labels, requests = frozenset(self.labels.items()), frozenset(self.requests.items())
        return self.namespace, labels, requests, self.priority, self.host_ports, self.anti_affinity, self.rules


def parse_pod(raw: Mapping[str, Any]) -> Pod:
    """Read a pod of a cluster, as the API writes it."""
    return _parse(raw, raw["metadata"]["namespace"], raw["spec"].get("nodeName") or "")


def parse_template(raw: Mapping[str, Any], namespace: str) -> Pod:
    """Read a pod that is to be created in a namespace; a node it names is one it must go to, not one it is on."""
    return _parse(raw, namespace, "")


def scheduled_part(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a pod what scheduler and quotas look at: what a webhook put into its environment is not told to others."""
    meta, spec = raw.get("metadata") or {}, {**raw["spec"]}
    spec.pop("volumes", None)
    for kind in ("initContainers", "containers"):
        spec[kind] = [{name: each[name] for name in _COUNTED if name in each} for each in spec.get(kind) or ()]
    return {"metadata": {name: meta[name] for name in ("namespace", "labels") if name in meta}, "spec": spec}


def _parse(raw: Mapping[str, Any], namespace: str, node: str) -> Pod:
    meta, spec, status = raw.get("metadata") or {}, raw["spec"], raw.get("status") or {}
    labels = meta.get("labels") or {}
    return Pod(
        namespace=namespace,
        labels=labels,
        requests=scheduler_units(pod_requests(raw)),
        priority=spec.get("priority") or 0,
        node=node,
        nominated_node=status.get("nominatedNodeName") or "",
        gated=bool(spec.get("schedulingGates")),
        terminating=meta.get("deletionTimestamp") is not None,
        host_ports=tuple(_host_ports(spec)),
        anti_affinity=_terms(spec, "podAntiAffinity", namespace),
        rules=PLACED if node else _parse_rules(spec, labels, namespace),
    )


def _parse_rules(spec: Mapping[str, Any], labels: Mapping[str, str], namespace: str) -> Rules:
    required = _affinity(spec, "nodeAffinity").get("requiredDuringSchedulingIgnoredDuringExecution")
    return Rules(
        node_name=spec.get("nodeName") or "",
        node_selector=tuple(
            Requirement(key, "In", (value,)) for key, value in (spec.get("nodeSelector") or {}).items()
        ),
        node_terms=None if required is None else tuple(map(NodeTerm.parse, required.get("nodeSelectorTerms") or ())),
        tolerations=tuple(map(Toleration.parse, spec.get("tolerations") or ())),
        affinity=_terms(spec, "podAffinity", namespace),
        spread=tuple(
            Spread.parse(each, labels)
            for each in spec.get("topologySpreadConstraints") or ()
            if each.get("whenUnsatisfiable") == "DoNotSchedule"
        ),
    )


def _affinity(spec: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return (spec.get("affinity") or {}).get(kind) or {}


def _terms(spec: Mapping[str, Any], kind: str, namespace: str) -> tuple[PodTerm, ...]:
    found = _affinity(spec, kind).get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(PodTerm.parse(each, namespace) for each in found)


def _host_ports(spec: Mapping[str, Any]) -> Iterator[HostPort]:
    """Find the ports of everything that runs as long as the pod."""
    sidecars = filter(is_sidecar, spec.get("initContainers") or ())
    for container in (*sidecars, *(spec.get("containers") or ())):
        for port in container.get("ports") or ():
            # With host networking the API server copies every container port into hostPort.
            number = port.get("hostPort") or (port["containerPort"] if spec.get("hostNetwork") else 0)
            if number:
                address = port.get("hostIP") or ""
                yield HostPort(number, port.get("protocol") or "TCP", "" if address == "0.0.0.0" else address)  # noqa: S104
