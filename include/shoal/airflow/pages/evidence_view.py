"""What pages read of what stands beside an answer's numbers: its two files, kept for all who look."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from shoal.airflow.pages.kept import Kept
from shoal.airflow.pages.reading import need_dataset
from shoal.airflow.pages.run_place import Place, label_of
from shoal.evidence.answer_evidence import ESTIMATES_FILE, FINDINGS_FILE
from shoal.evidence.estimates.told import ToldTaxon, tell_taxa
from shoal.evidence.repeats.decisions import Decision
from shoal.evidence.repeats.things import Thing, read_things
from shoal.results.stored_summary import StoredSummary

FILES_S = 300.0
"""So long what was read of an answer is as it was: its files are named by their content."""

FILES = Kept(threads=2, most=24)
"""Findings and estimates of answers: at most some hundred kilobytes each."""


@dataclass(frozen=True)
class EvidenceView:
    """What was read for the page; None where the answer has nothing of it."""

    estimates: Mapping[str, Any] | None
    findings: Mapping[str, Any] | None
    decisions: tuple[Decision, ...] = ()

    def with_decisions(self, decisions: tuple[Decision, ...]) -> "EvidenceView":
        """Add what people have said by now."""
        return replace(self, decisions=decisions)

    @cached_property
    def things(self) -> tuple[Thing, ...]:
        """Those that stand."""
        return () if self.findings is None else read_things(self.findings, "findings.json")

    @cached_property
    def taxa(self) -> tuple[ToldTaxon, ...]:
        """Corrected numbers, the most frequent taxon first."""
        told = () if self.estimates is None else tell_taxa(self.estimates).values()
        return tuple(sorted(told, key=lambda one: (-one.total.raw, one.taxon)))

    @property
    def has_pictures(self) -> bool:
        """Whether the page shows any."""
        return bool(self.things) or bool(self.findings and self.findings["health"])


async def see_files(place: Place, summary: StoredSummary, dag_id: str) -> EvidenceView:
    """Read the files of a run, as far as it has them.

    Raises:
        ShoalError: They cannot be read.
    """
    keys = {name: summary.named[name].key for name in (ESTIMATES_FILE, FINDINGS_FILE) if name in summary.named}

    def read() -> EvidenceView:
        found = {name: place.results.read_json(key) for name, key in keys.items()}
        return EvidenceView(found.get(ESTIMATES_FILE), found.get(FINDINGS_FILE))

    named = (place.results.uri(place.layout.root), *keys.values())
    return (await FILES.get(label_of(need_dataset(dag_id)), named, read, fresh_s=FILES_S)).value
