"""Which stored objects may go, and why the others stay: a rule over names, ages and what names what.

Rows, plans, summaries and records are never among those that go. A listing, a manifest, the files of a summary and the
notes on failed attempts go when they are old and no run that is kept needs them. What runs share goes when no listing and no
summary that is kept names it, and it has lain there for a day: `contract.sharing` says why that is safe beside those who write.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shoal.contract.minted_names import run_time
from shoal.contract.sharing import WRITTEN_WITHIN
from shoal.contract.stored_names import Kind, StoredName
from shoal.contract.units import format_duration

UNFINISHED_FOR = timedelta(days=30)
"""A run without a summary for so long, and for as long as it may wait for room and for a person, has died."""

ALWAYS = {
    Kind.PLAN: "plans and summaries are kept for good",
    Kind.SUMMARY: "plans and summaries are kept for good",
    Kind.ROWS: "rows are kept for good",
    Kind.IMAGE_FILE: "rows name it, and are kept for good",
    Kind.EVIDENCE: "samples and labels are kept for good",
    Kind.RECORD: "records are kept for good",
    Kind.OTHER: "of no name that this release writes",
}
"""Kinds that never go."""

RunId = tuple[str, str]
"""Variant folder and run_key."""


@dataclass(frozen=True)
class Stored:
    """One object of a dataset.

    Attributes:
        key: Its key.
        size_bytes: Its size.
        last_modified: When it was written, by the store's clock.
        name: What its key tells.
    """

    key: str
    size_bytes: int
    last_modified: datetime
    name: StoredName

    @property
    def moment(self) -> datetime:
        """When it came to be: a copied bucket has old names and young objects, and a wrong clock the reverse."""
        return max(run_time(self.name.run_key), self.last_modified) if self.name.run_key else self.last_modified


@dataclass(frozen=True)
class Terms:
    """What a person said about keeping.

    Attributes:
        now: The store's time.
        keep: Age from which something may go.
        unfinished_for: Age from which a run without a summary counts as dead.
        pinned: run_keys that keep everything.
        cited: Likewise of runs that papers cite.
    """

    now: datetime
    keep: timedelta
    unfinished_for: timedelta = UNFINISHED_FOR
    pinned: frozenset[str] = frozenset()
    cited: frozenset[str] = frozenset()

    def said_of(self, run_key: str) -> str:
        """Say which word of a person's keeps a run; empty where none does."""
        if run_key in self.pinned:
            return "retention.runs names the run"
        return "the run is cited" if run_key in self.cited else ""

    @property
    def younger(self) -> str:
        """Why something young stays."""
        return f"younger than {format_duration(self.keep)}"


@dataclass(frozen=True)
class Needs:
    """What must stay.

    Attributes:
        runs: Why a run is kept, by run.
        listings: Why a listing is needed, by key.
        folders: Summary folders that a summary.json names, as key prefixes.
        shared: Why something that runs share is needed, by key.
    """

    runs: Mapping[RunId, str] = field(default_factory=dict)
    listings: Mapping[str, str] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    shared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """Whether one object goes, and why it does or does not."""

    stored: Stored
    goes: bool
    reason: str


def keep_runs(
    stored: Iterable[Stored], terms: Terms, current: str | None, answers: Iterable[RunId]
) -> dict[RunId, str]:
    """Decide which runs keep everything they have, and why.

    Args:
        stored: Every object of the dataset.
        terms: What a person said.
        current: run_key that current.json names; None where there is none.
        answers: The newest complete run of each variant.
    """
    born: dict[RunId, datetime] = {}
    summarized = set()
    for entry in stored:
        if entry.name.variant:
            run = (entry.name.variant, entry.name.run_key)
            born[run] = max(born.get(run, entry.moment), entry.moment)
            if entry.name.kind is Kind.SUMMARY:
                summarized.add(run)
    last = set(answers)
    kept = {}
    for run, moment in born.items():
        age = terms.now - moment
        if run[1] == current:
            kept[run] = "current.json names the run"
        elif said := terms.said_of(run[1]):
            kept[run] = said
        elif age < terms.keep:
            kept[run] = terms.younger
        elif run not in summarized and age < terms.unfinished_for:
            kept[run] = "the run has no summary yet"
        elif run in last:
            kept[run] = "the last answer of its model"
    return kept


def need_listings(stored: Iterable[Stored], terms: Terms, named: Mapping[str, str]) -> dict[str, str]:
    """Decide which listings are needed, and why.

    Args:
        stored: Every object of the dataset.
        terms: What a person said.
        named: Reason by key, of those that the plans of kept runs and current.json name.
    """
    stored = list(stored)
    planned = {entry.name.run_key for entry in stored if entry.name.kind is Kind.PLAN}
    waiting = {
        entry.key: "the run has no plan yet"
        for entry in stored
        if entry.name.kind is Kind.LISTING
        and entry.name.run_key not in planned
        and terms.now - entry.moment < terms.unfinished_for
    }
    return {**waiting, **named}


def judge(stored: Stored, terms: Terms, needs: Needs) -> Verdict:
    """Decide whether one object goes."""
    name = stored.name
    if name.kind in ALWAYS:
        return Verdict(stored, goes=False, reason=ALWAYS[name.kind])
    if name.kind is Kind.LISTING:
        return _judge_listing(stored, terms, needs)
    if name.kind is Kind.SHARED:
        return _judge_shared(stored, terms, needs)
    return _judge_of_run(stored, terms, needs)


def _judge_of_run(stored: Stored, terms: Terms, needs: Needs) -> Verdict:
    name = stored.name
    kept = needs.runs.get((name.variant, name.run_key))
    if kept is None:
        return Verdict(stored, goes=True, reason=f"older than {format_duration(terms.keep)}")
    if name.kind is Kind.FILE and name.folder not in needs.folders:
        if terms.now - stored.last_modified < WRITTEN_WITHIN:
            return Verdict(stored, goes=False, reason="a summary may be in the writing")
        return Verdict(stored, goes=True, reason="no summary.json names it")
    return Verdict(stored, goes=False, reason=kept)


def _judge_listing(stored: Stored, terms: Terms, needs: Needs) -> Verdict:
    needed, age = needs.listings.get(stored.key), terms.now - stored.moment
    if needed is not None:
        return Verdict(stored, goes=False, reason=needed)
    if age < terms.keep:
        return Verdict(stored, goes=False, reason=terms.younger)
    return Verdict(stored, goes=True, reason=f"older than {format_duration(terms.keep)}")


def _judge_shared(stored: Stored, terms: Terms, needs: Needs) -> Verdict:
    needed = needs.shared.get(stored.key)
    if needed is not None:
        return Verdict(stored, goes=False, reason=needed)
    if terms.now - stored.last_modified <= WRITTEN_WITHIN:
        return Verdict(stored, goes=False, reason="a run may be about to name it")
    return Verdict(stored, goes=True, reason="no run that is kept names it")
