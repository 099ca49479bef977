"""What pages read of what stands beside an answer's numbers: its two files, kept for all who look."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from shoal.airflow.pages.kept import Kept
from shoal.airflow.pages.reading import need_dataset
from shoal.airflow.pages.run_place import Place, label_of
from shoal.contract.errors import ContractError
from shoal.contract.stored_json import reading
from shoal.evidence.answer_evidence import ESTIMATES_FILE, FINDINGS_FILE, count_health
from shoal.evidence.answer_files import read_file, way_out
from shoal.evidence.estimates.told import ToldTaxon, tell_taxa
from shoal.evidence.repeats.decisions import Decision
from shoal.evidence.repeats.things import Thing, read_things
from shoal.results.stored_summary import StoredSummary
from shoal.stores.object_store import ObjectStore

FILES_S = 300.0
"""So long what was read of an answer is as it was: its files are named by their content."""

FILES = Kept(threads=2, most=24)
"""Findings and estimates of answers: at most some hundred kilobytes each."""


@dataclass(frozen=True)
class EvidenceView:
    """What was read for the page.

    Attributes:
        estimates: As estimates.json has it; None where the answer has nothing of it, or it cannot be read.
        findings: As findings.json has it, likewise.
        decisions: What people have said by now.
        unread: Why one cannot be read, by its name.
    """

    estimates: Mapping[str, Any] | None
    findings: Mapping[str, Any] | None
    decisions: tuple[Decision, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)

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


def _read(results: ObjectStore, summary: StoredSummary, name: str) -> dict[str, Any]:
    """Read a file, and see that what pages take of it is there.

    Raises:
        ContractError: It is gone, too large or no such file.
    """
    value, key = read_file(results, summary, name), summary.named[name].key
    with reading(key, way_out(summary.dataset)):
        if name == ESTIMATES_FILE:
            tell_taxa(value)
        else:
            read_things(value, key)
            _ = count_health(value), value["since"], value["versions"], value["repeats"]["clusters"]
    return value


async def see_files(place: Place, summary: StoredSummary, dag_id: str) -> EvidenceView:
    """Read the files of a run, as far as it has them and they are as they were written.

    Raises:
        StoreError: The bucket does not answer.
    """
    files = {name: summary.named[name] for name in (ESTIMATES_FILE, FINDINGS_FILE) if name in summary.named}

    def read() -> EvidenceView:
        found, unread = dict[str, dict[str, Any]](), dict[str, str]()
        for name in files:
            try:
                found[name] = _read(place.results, summary, name)
            except ContractError as err:
                unread[name] = str(err)
        return EvidenceView(found.get(ESTIMATES_FILE), found.get(FINDINGS_FILE), unread=unread)

    named = (place.results.uri(place.layout.root), *(file.key for file in files.values()))
    return (await FILES.get(label_of(need_dataset(dag_id)), named, read, fresh_s=FILES_S)).value
