"""Delete what retention lets go: seen first, judged by a pure rule, then deleted run by run.

Safe beside running plans, summaries and other prunings, and when it is killed: what is deleted was old and needed by nobody
when it was listed, nothing that is written meanwhile is touched, and each deletion stands for itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from os.path import commonprefix
from typing import Any

from shoal.contract.errors import ConfigError, ContractError, ShoalError
from shoal.contract.layout import DatasetLayout
from shoal.contract.sharing import WRITTEN_WITHIN
from shoal.contract.stored_names import Kind, read_name, shelf_of
from shoal.contract.units import format_duration, utc_text
from shoal.history.retention import (
    UNFINISHED_FOR,
    Needs,
    RunId,
    Stored,
    Terms,
    Verdict,
    judge,
    keep_runs,
    need_listings,
)
from shoal.results.answer import read_current
from shoal.results.read_plan import find_plan, read_plan
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import read_summary
from shoal.settings.dataset import Dataset
from shoal.stores.listed import UnfinishedUpload
from shoal.stores.object_store import ObjectStore
from shoal.tables.frozen_listing import find_files

BATCH = 1000
"""Objects deleted between two looks at current.json; the most that one request takes."""


CLOCKS_APART = timedelta(hours=1)
"""So far the store's clock may be from this machine's: far less than anything that is judged by its age."""


@dataclass(frozen=True)
class Survey:
    """What a dataset holds, and what of it goes.

    Attributes:
        verdicts: One per object.
        answer: run_key that current.json named; None where there was none.
        uploads: Unfinished uploads that are given up.
        uploads_unknown: Why the store does not list unfinished uploads; None where it does.
    """

    verdicts: tuple[Verdict, ...]
    answer: str | None = None
    uploads: tuple[UnfinishedUpload, ...] = ()
    uploads_unknown: str | None = None

    @property
    def goes(self) -> list[Stored]:
        """Objects that go."""
        return [verdict.stored for verdict in self.verdicts if verdict.goes]


def terms_of(dataset: Dataset, results: ObjectStore, keep: timedelta | None = None) -> Terms:
    """Read what a dataset file says about keeping.

    Args:
        dataset: The dataset.
        results: Its results bucket, whose clock counts.
        keep: In place of the file's own.

    Raises:
        ConfigError: That clock and this machine's are too far apart: one was stepped, and a run at work may look a year old.
    """
    retention, now, here = dataset.retention, results.read_clock(), datetime.now(UTC)
    if abs(now - here) > CLOCKS_APART:
        raise ConfigError(
            f"It is {utc_text(now)} by the clock of {results.address}, and {utc_text(here)} by this machine's: what is old, and "
            f"may go, is not known while they are more than {format_duration(CLOCKS_APART)} apart, and nothing is deleted - set "
            "both by NTP"
        )
    return Terms(
        now=now,
        keep=keep or retention.keep,
        unfinished_for=UNFINISHED_FOR + dataset.cluster.wait + dataset.run.approval_timeout,
        pinned=frozenset(retention.runs),
    )


def survey(results: ObjectStore, layout: DatasetLayout, terms: Terms) -> Survey:
    """Judge every object of a dataset; nothing is deleted.

    Raises:
        ContractError: A plan or summary that says what is needed cannot be read.
        StoreError: The results bucket does not answer.
    """
    # Listed before anything is read: what is written from here on is not in the list, and so never deleted.
    stored = [
        Stored(found.key, found.size_bytes, found.last_modified, read_name(layout, found.key))
        for found in results.list_objects(layout.root)
    ]
    current = read_current(results, layout)
    answer = current["run_key"] if current else None
    terms = replace(terms, cited=_find_cited(layout, stored))
    kept = keep_runs(stored, terms, answer, _find_answers(results, layout, stored, terms))
    plans = {}
    for entry in stored:
        run = (entry.name.variant, entry.name.run_key)
        if entry.name.kind is Kind.PLAN and run in kept:
            with _needed(entry.key):
                plans[run] = read_plan(results, entry.key)
    kept = _looked_for_others(plans) | kept
    needs = Needs(
        runs=kept,
        listings=need_listings(stored, terms, _named_listings(results, plans, kept, current)),
        folders=_named_folders(results, layout, stored, kept),
    )
    needs = replace(needs, shared=_named_shared(results, stored, terms, needs))
    uploads, unknown = _find_uploads(results, layout, terms)
    return Survey(tuple(judge(entry, terms, needs) for entry in stored), answer, uploads, unknown)


@contextmanager
def _needed(key: str) -> Iterator[None]:
    """Say of an object that says what is to be kept which one it is: what it holds may name another run, or none."""
    try:
        yield
    except ContractError as err:
        raise ContractError(f"Nothing is deleted: what {key} needs is not known. {err}") from err


def _find_cited(layout: DatasetLayout, stored: Iterable[Stored]) -> frozenset[str]:
    """Read which runs are cited off the names of what says so."""
    names = (entry.key[len(layout.all_cited) :] for entry in stored if entry.key.startswith(layout.all_cited))
    return frozenset(name.removesuffix(".json") for name in names)


def delete(results: ObjectStore, layout: DatasetLayout, found: Survey) -> list[Stored]:
    """Delete what goes; return it.

    Raises:
        StoreError: The results bucket does not answer; run it again.
        ConfigError: The key may not delete.
    """
    deleted: list[Stored] = []
    spared, answer = _Spared(), found.answer
    for batch in _batches(layout, found.goes):
        # A summary of an old run that was repeated just now may have become the answer.
        current = read_current(results, layout)
        if current is not None and current["run_key"] != answer:
            spared, answer = _Spared.of(results, layout, current), current["run_key"]
        gone = [entry for entry in _as_surveyed(results, batch) if not spared.has(entry)]
        results.delete(entry.key for entry in gone)
        deleted += gone
    for upload in found.uploads:
        results.abort_upload(upload)
    return deleted


@dataclass(frozen=True)
class _Spared:
    """What an answer needs that became it after the look.

    Attributes:
        runs: run_keys: its run's, and those of the ones which listed and looked at images for it.
        files: Keys of what it shares with others: months of its listing, files of its summary.
    """

    runs: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()

    @classmethod
    def of(cls, results: ObjectStore, layout: DatasetLayout, current: Mapping[str, Any]) -> "_Spared":
        run_key, listing = current["run_key"], current["listing"]
        run = layout.variant(current["variant"]["directory"]).run(run_key)
        files = [*find_files(results, listing), *(file.key for file in read_summary(results, run.summary).files)]
        looked = read_plan(results, run.plan).rows_run
        return cls(frozenset({run_key, looked, read_name(layout, listing).run_key}), frozenset(files))

    def has(self, entry: Stored) -> bool:
        return entry.key in self.files if entry.name.kind is Kind.SHARED else entry.name.run_key in self.runs


def _as_surveyed(results: ObjectStore, batch: Sequence[Stored]) -> list[Stored]:
    """Leave out what was written again since: whoever is about to name something shared does that."""
    shared = {entry.key for entry in batch if entry.name.kind is Kind.SHARED}
    if not shared:
        return list(batch)
    folder = commonprefix(sorted(shared)).rpartition("/")[0] + "/"  # noqa: RUF071 - keys are no paths
    now = {found.key: found.last_modified for found in results.list_objects(folder) if found.key in shared}
    return [entry for entry in batch if entry.name.kind is not Kind.SHARED or now.get(entry.key) == entry.last_modified]


def _batches(layout: DatasetLayout, goes: Sequence[Stored]) -> Iterator[list[Stored]]:
    """Cut at runs: the files of one run go in one request. What is of no run goes last: whoever names it has gone by then.

    What is shared is listed again before it goes, so of that a batch lies on one shelf: nothing else is listed with it.
    """
    shared = sorted((entry for entry in goes if not entry.name.run_key), key=lambda entry: entry.key)
    of_runs = sorted((entry for entry in goes if entry.name.run_key), key=lambda entry: (entry.name.run_key, entry.key))
    batch: list[Stored] = []
    for _, group in groupby(of_runs, attrgetter("name.run_key")):
        run = list(group)
        if batch and len(batch) + len(run) > BATCH:
            yield batch
            batch = []
        batch += run
    if batch:
        yield batch
    for _, group in groupby(shared, lambda entry: shelf_of(layout, entry.key)):
        shelf = list(group)
        yield from (shelf[first : first + BATCH] for first in range(0, len(shelf), BATCH))


def _find_answers(results: ObjectStore, layout: DatasetLayout, stored: Iterable[Stored], terms: Terms) -> list[RunId]:
    """Find the newest run of each variant that is complete and looked at the whole dataset, and those before it for a day.

    A summary in the writing names files of the answer as it found it, and does not store them again: so an answer whose place
    another took within a day counts as well. Whichever that was, it is complete and might become the answer, and no such run
    that is newer was summarized longer ago.
    """
    runs = sorted(
        (
            (entry.name.variant, entry.name.run_key, entry.last_modified)
            for entry in stored
            if entry.name.kind is Kind.SUMMARY
        ),
        reverse=True,
    )
    answers = []
    for variant, of_variant in groupby(runs, key=lambda run: run[0]):
        settled = False
        for _, run_key, summarized_at in of_variant:
            run = layout.variant(variant).run(run_key)
            summary = read_summary(results, run.summary)
            if not (summary.complete and summary.scope.full):
                continue
            with _needed(run.plan):
                plan = find_plan(results, run.plan)
            might = plan is not None and plan.may_become_current
            if not settled or might:
                answers.append((variant, run_key))
            long_ago = terms.now - summarized_at > WRITTEN_WITHIN
            settled = settled or long_ago
            if long_ago and might:
                break
    return answers


def _looked_for_others(plans: Mapping[RunId, StoredPlan]) -> dict[RunId, str]:
    """Keep the runs that looked at the images of a resummary that is kept: it has no manifest and no notes of its own."""
    return {
        (variant, plan.of_run): f"run {run_key}, which is kept, counts its images"
        for (variant, run_key), plan in plans.items()
        if plan.of_run is not None
    }


def _named_listings(
    results: ObjectStore,
    plans: Mapping[RunId, StoredPlan],
    kept: Mapping[RunId, str],
    current: Mapping[str, Any] | None,
) -> dict[str, str]:
    """Read which listings the plans of kept runs name, and their files: several runs may share one."""
    named = {plan.listing.key: kept[run] for run, plan in plans.items()}
    if current:
        named[current["listing"]] = "current.json names it"
    return named | {file: reason for key, reason in named.items() for file in find_files(results, key)}


def _named_folders(
    results: ObjectStore, layout: DatasetLayout, stored: Iterable[Stored], kept: Mapping[RunId, str]
) -> frozenset[str]:
    """Read which folders the summaries of kept runs name, where runs have folders of their own."""
    folders: dict[RunId, set[str]] = {}
    summarized = set()
    for entry in stored:
        run = (entry.name.variant, entry.name.run_key)
        if entry.name.kind is Kind.FILE and run in kept:
            folders.setdefault(run, set()).add(entry.name.folder)
        elif entry.name.kind is Kind.SUMMARY:
            summarized.add(run)
    named: set[str] = set()
    for run in folders.keys() & summarized:
        summary = layout.variant(run[0]).run(run[1]).summary
        named.add(read_summary(results, summary).folder)  # of a complete run it is none of the run's own
    return frozenset(named)


def _named_shared(results: ObjectStore, stored: Iterable[Stored], terms: Terms, needs: Needs) -> dict[str, str]:
    """Read what the listings that stay and the summaries of runs that are kept name of what runs share."""
    named: dict[str, str] = {}
    for entry in stored:
        kept = needs.runs.get((entry.name.variant, entry.name.run_key))
        if entry.name.kind is Kind.LISTING and not judge(entry, terms, needs).goes:
            named |= dict.fromkeys(find_files(results, entry.key), "a listing that is kept names it")
        elif entry.name.kind is Kind.SUMMARY and kept is not None:
            named |= {file.key: f"a summary names it: {kept}" for file in read_summary(results, entry.key).files}
    return named


def _find_uploads(
    results: ObjectStore, layout: DatasetLayout, terms: Terms
) -> tuple[tuple[UnfinishedUpload, ...], str | None]:
    try:
        found = results.list_unfinished_uploads(layout.root)
    except ShoalError as err:  # also a key that may not: the store gives them up by its own rule
        return (), str(err)
    return tuple(upload for upload in found if terms.now - upload.started_at > WRITTEN_WITHIN), None
