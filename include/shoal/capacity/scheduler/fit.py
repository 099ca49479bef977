"""The whole count: which pods are served first, how many of ours the nodes take then, how many the quotas let in."""

from collections.abc import Mapping, Sequence
from typing import Any

from shoal.capacity.scheduler.count import Counted, count_pods
from shoal.capacity.scheduler.node_room import PODS, NodeRoom, lacks_when_empty
from shoal.capacity.scheduler.nodes import Node, rejects_for_good
from shoal.capacity.scheduler.pods import Pod, parse_template
from shoal.capacity.scheduler.quotas import QuotaRoom, charge_of, charge_quota, find_quota_room
from shoal.capacity.scheduler.snapshot import ClusterSnapshot, Promise
from shoal.capacity.scheduler.topology import doubts
from shoal.capacity.scheduler.waiting_pods import Packing, find_competitors
from shoal.capacity.share import Fit, NodeFit, describe, describe_shortage
from shoal.contract.errors import ConfigError


def fit_pods(snapshot: ClusterSnapshot, pod: Mapping[str, Any], promised: Sequence[Promise] = ()) -> Fit:
    """Count how many identical pods fit now, by the scheduler's own rules.

    Bound pods and nominated ones take their requests from their nodes; then pods that wait with the same priority or
    a higher one, then those promised to other runs, are put where they fit; then pods of ours are counted per node,
    and admission lets in what the quotas leave. Preemption is not counted on.

    Args:
        snapshot: The cluster.
        pod: One of the pods, as the API server would store it.
        promised: What other runs may still create.

    Raises:
        ConfigError: Neither nodes nor quotas tell anything.
    """
    template = parse_template(pod, snapshot.namespace)
    request = _plain_units(template.requests)
    quota = _tightest_quota(snapshot, pod, promised)
    if snapshot.nodes is None:
        return _fit_by_quota(snapshot, request, quota)
    rooms = _fill_rooms(snapshot, snapshot.nodes, template, promised)
    counts = count_pods(template, rooms)
    nodes = tuple(_node_fit(*each, template) for each in zip(rooms, counts, strict=True))
    fit = sum(node.pods for node in nodes)
    notes = [*_lower_bound(template, rooms), *_upper_bound(pod["spec"]), *_gates(pod["spec"]), *snapshot.notes]
    if fit == 0:
        never = all(_never_fits(*each, template) for each in zip(snapshot.nodes, counts, strict=True))
        return Fit(0, nodes, request, describe_shortage(nodes, request), never, tuple(notes))
    if quota is not None and quota.pods < fit:
        if quota.pods == 0:
            return Fit(
                0, nodes, request, f"0 pods fit ({describe(request)}): {quota.reason}", quota.lasts, tuple(notes)
            )
        fit, notes = quota.pods, [quota.reason, *notes]
    return Fit(fit, nodes, request, notes=tuple(notes))


def _fill_rooms(
    snapshot: ClusterSnapshot, nodes: Sequence[Node], template: Pod, promised: Sequence[Promise]
) -> list[NodeRoom]:
    """Put everything on the nodes that is there, or comes before our pods."""
    rooms = {node.name: NodeRoom(node) for node in nodes}
    for pod in snapshot.pods:
        yields = pod.nominated_node if pod.priority >= template.priority else ""
        if room := rooms.get(pod.node or yields):
            room.take(pod, 1)
    packing = Packing(list(rooms.values()))
    for pod, count in find_competitors(snapshot.pods, template.priority):
        packing.put(pod, count)
    for promise in promised:
        namespace = (promise.pod.get("metadata") or {}).get("namespace") or snapshot.namespace
        packing.put(parse_template(promise.pod, namespace), promise.pods)
    return list(rooms.values())


def _tightest_quota(snapshot: ClusterSnapshot, pod: Mapping[str, Any], promised: Sequence[Promise]) -> QuotaRoom | None:
    quotas = snapshot.quotas
    for promise in promised:
        if (promise.pod.get("metadata") or {}).get("namespace") in {None, snapshot.namespace}:
            quotas = tuple(charge_quota(quota, charge_of(promise.pod), promise.pods) for quota in quotas)
    charge = charge_of(pod)
    rooms = [room for room in (find_quota_room(quota, charge) for quota in quotas) if room is not None]
    return min(rooms, key=lambda room: (room.pods, not room.lasts), default=None)


def _fit_by_quota(snapshot: ClusterSnapshot, request: Mapping[str, float], quota: QuotaRoom | None) -> Fit:
    if quota is None:
        raise ConfigError(
            f"Cannot tell what fits: {'; '.join(snapshot.notes)}, and no quota of namespace {snapshot.namespace} "
            "limits these pods - grant the rights of deploy/rbac.yaml"
        )
    if quota.pods == 0:
        shortage = f"0 pods fit ({describe(request)}): {quota.reason}"
        return Fit(0, (), request, shortage, quota.lasts, snapshot.notes)
    return Fit(quota.pods, (), request, notes=(quota.reason, *snapshot.notes))


def _node_fit(room: NodeRoom, counted: Counted, template: Pod) -> NodeFit:
    names = [*template.requests, PODS]
    free = _plain_units({name: room.free(name) for name in names})
    if counted.rejection is not None:
        return NodeFit(room.node.name, 0, (counted.rejection.words,), free, blocked=True)
    return NodeFit(room.node.name, counted.pods, counted.binds, free)


def _never_fits(node: Node, counted: Counted, template: Pod) -> bool:
    lasts = counted.rejection is not None and counted.rejection.lasts
    return lasts or rejects_for_good(template.rules, node) or lacks_when_empty(template.requests, node)


def _lower_bound(template: Pod, rooms: Sequence[NodeRoom]) -> list[str]:
    found = doubts(template, (pod for room in rooms for pod in room.refusing))
    return [f"a lower bound: {', '.join(found)}"] if found else []


def _upper_bound(spec: Mapping[str, Any]) -> list[str]:
    found = [] if not spec.get("resourceClaims") else ["resource claims"]
    if any(kind in volume for volume in spec.get("volumes") or () for kind in ("persistentVolumeClaim", "ephemeral")):
        found.append("persistent volumes")
    return [f"an upper bound: {' and '.join(found)} are not looked at"] if found else []


def _gates(spec: Mapping[str, Any]) -> list[str]:
    """Say what keeps the pods from nodes that have room: a queue such as Kueue's lets them go in its own time."""
    gates = ", ".join(str(gate.get("name")) for gate in spec.get("schedulingGates") or ())
    return [f"they wait until {gates} lets them go, whatever fits"] if gates else []


def _plain_units(amounts: Mapping[str, int]) -> dict[str, float]:
    return {name: amount / 1000 if name == "cpu" else amount for name, amount in amounts.items()}
