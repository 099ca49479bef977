"""Taints, and which of them a pod tolerates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_PASSING_PREFIXES = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "node.cilium.io/")
_PASSING_KEYS = {"ToBeDeletedByClusterAutoscaler"}


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint of a node."""

    key: str
    value: str
    effect: str

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Taint":
        """Read one entry of a node's `taints`."""
        return cls(raw["key"], raw.get("value") or "", raw["effect"])

    @property
    def passes(self) -> bool:
        """Whether the taint states a condition of the node (not ready, cordoned, just made, on its way out) that may end."""
        return self.key.startswith(_PASSING_PREFIXES) or self.key in _PASSING_KEYS

    def __str__(self) -> str:
        key = f"{self.key}={self.value}" if self.value else self.key
        return f"{{{key}: {self.effect}}}"


@dataclass(frozen=True, slots=True)
class Toleration:
    """A toleration of a pod; an empty key or effect stands for any."""

    key: str
    operator: str
    value: str
    effect: str

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Toleration":
        """Read one entry of a pod's `tolerations`."""
        return cls(
            raw.get("key") or "", raw.get("operator") or "Equal", raw.get("value") or "", raw.get("effect") or ""
        )

    def tolerates(self, taint: Taint) -> bool:
        """Whether this toleration covers a taint."""
        if (self.effect and self.effect != taint.effect) or (self.key and self.key != taint.key):
            return False
        return self.operator == "Exists" or (self.operator == "Equal" and self.value == taint.value)


def find_untolerated(taints: Iterable[Taint], tolerations: Iterable[Toleration]) -> Taint | None:
    """Find the first taint that keeps a pod away: `NoSchedule` or `NoExecute`, and tolerated by nothing."""
    for taint in taints:
        if taint.effect in {"NoSchedule", "NoExecute"} and not any(each.tolerates(taint) for each in tolerations):
            return taint
    return None
