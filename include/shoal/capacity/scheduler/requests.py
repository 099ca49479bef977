"""What a pod asks for, in total: the rule of Kubernetes' `component-helpers/resource`, exact until the last step."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Literal

from shoal.contract.units import parse_quantity

Amounts = dict[str, Decimal]
Kind = Literal["requests", "limits"]

_POD_LEVEL = ("cpu", "memory")


def pod_requests(pod: Mapping[str, Any]) -> Amounts:
    """Add up what a pod requests, in cores, bytes and pieces.

    Containers and native sidecars run together and are summed. An init container runs alone, beside the sidecars
    declared before it: the most that any of them needs is the least the pod gets. Requests of the pod itself replace
    the sum; the overhead of its runtime class comes on top. A container that was resized in place counts with the most
    of what it wants, has and was allotted, unless the resize is infeasible.

    Args:
        pod: The pod, as the API writes it.
    """
    total = _aggregate(pod, "requests")
    total.update(_pod_level(pod, "requests"))
    _add(total, _read(pod["spec"].get("overhead")))
    return total


def pod_limits(pod: Mapping[str, Any]) -> Amounts:
    """Add up a pod's limits by the same rule; overhead is added only where there is a limit."""
    total = _aggregate(pod, "limits")
    total.update(_pod_level(pod, "limits"))
    _add(total, {name: amount for name, amount in _read(pod["spec"].get("overhead")).items() if total.get(name)})
    return total


def scheduler_units(amounts: Mapping[str, Decimal]) -> dict[str, int]:
    """Round up to the integers the scheduler compares: cpu in thousandths, everything else in units."""
    return {
        name: int((amount * 1000 if name == "cpu" else amount).to_integral_value(ROUND_CEILING))
        for name, amount in amounts.items()
    }


def is_sidecar(init_container: Mapping[str, Any]) -> bool:
    """Whether an init container is a native sidecar: it runs as long as the pod."""
    return bool(init_container.get("restartPolicy") == "Always")


def _aggregate(pod: Mapping[str, Any], kind: Kind) -> Amounts:
    statuses = dict(_resized(pod))
    infeasible = _is_infeasible(pod)

    def amounts(container: Mapping[str, Any], *, resizable: bool = True) -> Amounts:
        wanted = _container(container, kind)
        status = statuses.get(container["name"]) if resizable else None
        if status is None:
            return wanted
        has = _read(status["resources"].get(kind))
        if kind == "requests":
            has = _most(has, _read(status.get("allocatedResources")))
        return has if infeasible else _most(wanted, has)

    total: Amounts = {}
    for container in pod["spec"].get("containers") or ():
        _add(total, amounts(container))
    sidecars: Amounts = {}
    largest_init: Amounts = {}
    for container in pod["spec"].get("initContainers") or ():
        own = amounts(container, resizable=is_sidecar(container))
        if is_sidecar(container):
            _add(total, own)
            _add(sidecars, own)
            largest_init = _most(largest_init, sidecars)
        else:
            _add(own, sidecars)
            largest_init = _most(largest_init, own)
    return _most(total, largest_init)


def _container(container: Mapping[str, Any], kind: Kind) -> Amounts:
    resources = container.get("resources") or {}
    if kind == "limits":
        return _read(resources.get("limits"))
    # The API server fills a missing request with the limit; a pod that has not been there yet gets the same here.
    return {**_read(resources.get("limits")), **_read(resources.get("requests"))}


def _pod_level(pod: Mapping[str, Any], kind: Kind) -> Amounts:
    found = _read((pod["spec"].get("resources") or {}).get(kind))
    return {name: amount for name, amount in found.items() if name in _POD_LEVEL or name.startswith("hugepages-")}


def _resized(pod: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for entry in status.get(field) or ():
            if entry.get("resources") is not None:
                yield entry["name"], entry


def _is_infeasible(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    reasons = [each.get("reason") for each in conditions if each.get("type") == "PodResizePending"]
    return reasons[:1] == ["Infeasible"]


def _read(quantities: Mapping[str, Any] | None) -> Amounts:
    return {name: parse_quantity(text) for name, text in (quantities or {}).items()}


def _add(total: Amounts, more: Mapping[str, Decimal]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Decimal(0)) + amount


def _most(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> Amounts:
    result = dict(one)
    for name, amount in other.items():
        if name not in result or amount > result[name]:
            result[name] = amount
    return result
