"""ResourceQuotas of a namespace: how many more identical pods its admission lets in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from shoal.capacity.scheduler.requests import Amounts, pod_limits, pod_requests
from shoal.capacity.scheduler.selectors import Requirement
from shoal.contract.units import parse_quantity

_STANDARD = ("cpu", "memory", "ephemeral-storage")
_MUST_BE_SET = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


@dataclass(frozen=True)
class Quota:
    """A ResourceQuota.

    Attributes:
        name: Its name.
        scopes: Conditions on the pods it counts.
        hard: What is allowed, in cores, bytes and pieces.
        used: What is taken.
    """

    name: str
    scopes: tuple[Requirement, ...]
    hard: Mapping[str, Decimal]
    used: Mapping[str, Decimal]


@dataclass(frozen=True)
class Charge:
    """What one pod costs a quota, and what decides which quotas count it.

    Attributes:
        usage: Taken of each quota resource.
        unset: Quota resources that some container does not set, and which containers; a quota on one refuses the pod.
        scopes: The scopes the pod is in.
        priority_class: Its priority class, or empty.
    """

    usage: Mapping[str, Decimal]
    unset: Mapping[str, str]
    scopes: frozenset[str]
    priority_class: str


@dataclass(frozen=True)
class QuotaRoom:
    """How many more pods a quota lets in.

    Attributes:
        pods: So many.
        reason: What binds, with the figures.
        lasts: Whether not even one pod would be let in if nothing were used.
    """

    pods: int
    reason: str
    lasts: bool


def parse_quota(raw: Mapping[str, Any]) -> Quota:
    """Read a ResourceQuota; limits that no controller has taken up yet do not bind, as in the API server."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    selected = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    return Quota(
        raw["metadata"]["name"],
        (
            *(Requirement(scope, "Exists") for scope in spec.get("scopes") or ()),
            *(Requirement(each["scopeName"], each["operator"], tuple(each.get("values") or ())) for each in selected),
        ),
        {name: parse_quantity(text) for name, text in (status.get("hard") or {}).items()},
        {name: parse_quantity(text) for name, text in (status.get("used") or {}).items()},
    )


def charge_of(pod: Mapping[str, Any]) -> Charge:
    """Work out what a pod that is to be created costs a quota."""
    spec = pod["spec"]
    return Charge(
        usage=_usage(pod_requests(pod), pod_limits(pod)),
        unset={} if spec.get("resources") else _unset(spec),
        scopes=frozenset(_scopes(pod)),
        priority_class=spec.get("priorityClassName") or "",
    )


def charge_quota(quota: Quota, charge: Charge, pods: int) -> Quota:
    """Count pods that are promised, but not created yet, as used."""
    if not _counts(quota, charge):
        return quota
    more = {name: charge.usage.get(name, Decimal(0)) * pods for name in quota.hard}
    return replace(quota, used={name: quota.used.get(name, Decimal(0)) + amount for name, amount in more.items()})


def find_quota_room(quota: Quota, charge: Charge) -> QuotaRoom | None:
    """Count the pods a quota lets in; None when it does not concern them.

    Args:
        quota: The quota.
        charge: What one pod costs.
    """
    if not _counts(quota, charge):
        return None
    if unset := [f"{name} for: {charge.unset[name]}" for name in sorted(quota.hard) if name in charge.unset]:
        return QuotaRoom(0, f"failed quota {quota.name}: must specify {'; '.join(unset)}", lasts=True)
    wanted = {name: charge.usage[name] for name in quota.hard if charge.usage.get(name)}
    if not wanted:
        return None
    used = {name: quota.used.get(name, Decimal(0)) for name in wanted}
    pods, name = min((max(0, int((quota.hard[name] - used[name]) // wanted[name])), name) for name in wanted)
    figures = f"{name} {_plain(wanted[name])} each, {_plain(used[name])} of {_plain(quota.hard[name])} used"
    never = any(wanted[name] > quota.hard[name] for name in wanted)
    return QuotaRoom(pods, f"quota {quota.name} leaves {pods} ({figures})", lasts=never)


def _usage(requests: Amounts, limits: Amounts) -> Amounts:
    """Name amounts as quotas do."""
    usage = {"pods": Decimal(1), "count/pods": Decimal(1)}
    for name, amount in requests.items():
        usage[f"requests.{name}"] = amount
        if name in _STANDARD or name.startswith("hugepages-"):
            usage[name] = amount
    return usage | {f"limits.{name}": amount for name, amount in limits.items() if name in _STANDARD}


def _unset(spec: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        resources = container.get("resources") or {}
        limits = set(resources.get("limits") or ())
        requests = limits | set(resources.get("requests") or ())
        names = {*requests, *(f"requests.{each}" for each in requests), *(f"limits.{each}" for each in limits)}
        for name in _MUST_BE_SET:
            if name not in names:
                found.setdefault(name, []).append(container["name"])
    return {name: ",".join(sorted(containers)) for name, containers in found.items()}


def _scopes(pod: Mapping[str, Any]) -> Iterator[str]:
    spec = pod["spec"]
    yield "NotTerminating" if spec.get("activeDeadlineSeconds") is None else "Terminating"
    yield "BestEffort" if _is_best_effort(pod) else "NotBestEffort"
    if _crosses_namespaces(spec):
        yield "CrossNamespacePodAffinity"


def _is_best_effort(pod: Mapping[str, Any]) -> bool:
    if quality := (pod.get("status") or {}).get("qosClass"):
        return bool(quality == "BestEffort")
    spec = pod["spec"]
    holders = (spec, *(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    sets = ((holder.get("resources") or {}).get(kind) or {} for holder in holders for kind in ("requests", "limits"))
    return not any(parse_quantity(each[name]) > 0 for each in sets for name in ("cpu", "memory") if name in each)


def _crosses_namespaces(spec: Mapping[str, Any]) -> bool:
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity = (spec.get("affinity") or {}).get(kind) or {}
        preferred = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for term in (*required, *(each["podAffinityTerm"] for each in preferred)):
            if term.get("namespaces") or term.get("namespaceSelector") is not None:
                return True
    return False


def _counts(quota: Quota, charge: Charge) -> bool:
    return all(_in_scope(scope, charge) for scope in quota.scopes)


def _in_scope(scope: Requirement, charge: Charge) -> bool:
    if scope.key != "PriorityClass":
        return scope.key in charge.scopes
    return scope.matches({"PriorityClass": charge.priority_class} if charge.priority_class else {})


def _plain(amount: Decimal) -> str:
    """Write an amount without exponent or trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
