"""Selectors as Kubernetes evaluates them: labels of pods and nodes, fields of nodes."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_INTEGER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on a label (or field): `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Requirement":
        """Read one entry of `matchExpressions` or `matchFields`."""
        return cls(raw["key"], raw["operator"], tuple(raw.get("values") or ()))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a set of labels meets the condition; `NotIn` also holds without the label."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt":
                return self._compares(value)
            case _:
                return False

    def _compares(self, value: str | None) -> bool:
        texts = (value or "", *self.values)
        if len(texts) != 2 or not all(_INTEGER.fullmatch(text) for text in texts):
            return False
        found, bound = map(int, texts)
        return found > bound if self.operator == "Gt" else found < bound


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Conditions that all must hold; none at all selects everything, a missing selector selects nothing."""

    requirements: tuple[Requirement, ...]
    nothing: bool = False

    @classmethod
    def parse(cls, raw: Mapping[str, Any] | None) -> "LabelSelector":
        """Read a `labelSelector`."""
        if raw is None:
            return cls((), nothing=True)
        equal = (Requirement(key, "In", (value,)) for key, value in (raw.get("matchLabels") or {}).items())
        return cls((*equal, *map(Requirement.parse, raw.get("matchExpressions") or ())))

    @property
    def is_empty(self) -> bool:
        """Whether it selects everything."""
        return not self.requirements and not self.nothing

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels are selected."""
        return not self.nothing and all(each.matches(labels) for each in self.requirements)


@dataclass(frozen=True, slots=True)
class NodeTerm:
    """One term of a required node affinity: conditions on labels and on the node's name, all of which must hold."""

    labels: tuple[Requirement, ...]
    fields: tuple[Requirement, ...]

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "NodeTerm":
        """Read one entry of `nodeSelectorTerms`."""
        return cls(
            tuple(map(Requirement.parse, raw.get("matchExpressions") or ())),
            tuple(map(Requirement.parse, raw.get("matchFields") or ())),
        )

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a node meets the term; a term without conditions is met by none."""
        if not self.labels and not self.fields:
            return False
        fields = {"metadata.name": name}
        return all(each.matches(labels) for each in self.labels) and all(each.matches(fields) for each in self.fields)


def any_matches(terms: Iterable[NodeTerm], name: str, labels: Mapping[str, str]) -> bool:
    """Whether a node meets at least one term."""
    return any(term.matches(name, labels) for term in terms)
