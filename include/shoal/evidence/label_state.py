"""Which samples, labels and training sets there were at one time: an answer's estimates are made of these, for good."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import DatasetLayout, Evidence
from shoal.contract.stored_json import take
from shoal.evidence.stored import list_names
from shoal.stores.object_store import ObjectStore


@dataclass(frozen=True)
class LabelState:
    """Names of all there was, each of which says what is in it.

    Attributes:
        samples: Who was drawn.
        labels: What people said.
        trainings: What models learnt from.
    """

    samples: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    trainings: tuple[str, ...] = ()

    @property
    def is_labelled(self) -> bool:
        """Whether anybody has labelled anything."""
        return bool(self.labels)

    @property
    def sha256(self) -> str | None:
        """Two with the same one are the same; None where nobody has labelled anything."""
        return canonical_sha256(self.to_json()) if self.is_labelled else None

    def to_json(self) -> dict[str, Any]:
        """Write it as summary.json has it."""
        return {kind: list(names) for kind, names in asdict(self).items()}

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "LabelState":
        """Read it.

        Raises:
            KeyError: A field is missing.
            TypeError: One is of another type.
        """
        return cls(*(tuple(map(str, take(stored, kind, list))) for kind in ("samples", "labels", "trainings")))


NO_LABELS = LabelState()


def read_label_state(results: ObjectStore, layout: DatasetLayout) -> LabelState:
    """List what there is now; nothing is read where nobody has labelled anything."""
    labels = list_names(results, layout, "labels")
    if not labels:
        return NO_LABELS
    return LabelState(list_names(results, layout, "samples"), labels, list_names(results, layout, "trainings"))


def names_of(state: LabelState | None, kind: Evidence) -> tuple[str, ...] | None:
    """Name those of a kind; None where all that there are now are asked for."""
    if state is None:
        return None
    found = {"samples": state.samples, "labels": state.labels, "trainings": state.trainings}
    return found[kind]
