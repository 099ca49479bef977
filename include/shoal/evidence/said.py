"""What people had said of an answer when it was summarized: labels of images, and decisions about repeat detections."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.contract.damaged_objects import DAMAGED_SUMMARY
from shoal.contract.errors import ContractError
from shoal.contract.layout import DatasetLayout
from shoal.contract.stored_json import reading
from shoal.evidence.label_state import NO_LABELS, LabelState, read_label_state
from shoal.evidence.repeats.decisions import Decision, names_sha256, read_decisions
from shoal.results.stored_summary import StoredSummary
from shoal.stores.object_store import ObjectStore


@dataclass(frozen=True)
class Said:
    """It.

    Attributes:
        decisions: About repeat detections, the earliest first.
        labels: Which there were.
    """

    decisions: tuple[Decision, ...] = ()
    labels: LabelState = NO_LABELS

    @property
    def inputs(self) -> dict[str, str]:
        """Hashes of which there were, as a result tells them; nothing of what nobody said anything of."""
        hashes = {"labels_sha256": self.labels.sha256, "repeats_sha256": names_sha256(self.decisions)}
        return {name: sha256 for name, sha256 in hashes.items() if sha256 is not None}

    def tell_labels(self) -> Mapping[str, Any]:
        """Name the labels as a result tells them; nothing where nobody had labelled anything."""
        return {"labels": self.labels.to_json()} if self.labels.is_labelled else {}


def read_said(results: ObjectStore, layout: DatasetLayout) -> Said:
    """Read what people have said by now.

    Raises:
        ContractError: Something of it is not what it must be.
    """
    return Said(read_decisions(results, layout), read_label_state(results, layout))


def read_said_then(
    results: ObjectStore, layout: DatasetLayout, summary: StoredSummary
) -> tuple[Said, tuple[ContractError, ...]]:
    """Read what people had said when a run was summarized, and what is wrong with decisions that are gone or were changed.

    Raises:
        ContractError: summary.json is not what it must be.
    """
    found, gone = list[Decision](), list[ContractError]()
    for one in summary.decisions:
        try:
            found.extend(read_decisions(results, layout, [one]))
        except ContractError as err:
            gone.append(err)
    decisions = tuple(sorted(found, key=lambda one: (one.at, one.id)))
    return Said(decisions, _labels_then(summary)), tuple(gone)


def _labels_then(summary: StoredSummary) -> LabelState:
    stored = summary.result.get("labels")
    if stored is None:
        return NO_LABELS
    with reading(f"summary.json of run {summary.run_key}", DAMAGED_SUMMARY):
        return LabelState.parse(stored)
