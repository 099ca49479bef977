"""Delete what retention lets go: seen first, judged by a pure rule, then deleted run by run.

Safe beside running plans, summaries and other prunings, and when it is killed: what is deleted was old and needed by nobody
when it was listed, nothing that is written meanwhile is touched, and each deletion stands for itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from shoal.contract.errors import ShoalError
from shoal.contract.layout import DatasetLayout
from shoal.contract.stored_names import Kind, read_name
from shoal.history.retention import (
    UNFINISHED_FOR,
    WRITTEN_WITHIN,
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
from shoal.results.stored_plan import read_plan
from shoal.results.stored_summary import read_summary
from shoal.settings.dataset import Dataset
from shoal.stores.object_store import ObjectStore, UnfinishedUpload
from shoal.tables.frozen_listing import find_files

BATCH = 1000
"""Objects deleted between two looks at current.json; the most that one request takes."""


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
    """
    retention = dataset.retention
    return Terms(
        now=results.read_clock(),
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
    kept = keep_runs(stored, terms, answer, _find_answers(results, layout, stored))
    needs = Needs(
        runs=kept,
        listings=need_listings(stored, terms, _named_listings(results, stored, kept, current)),
        folders=_named_folders(results, layout, stored, kept),
    )
    uploads, unknown = _find_uploads(results, layout, terms)
    return Survey(tuple(judge(entry, terms, needs) for entry in stored), answer, uploads, unknown)


def delete(results: ObjectStore, layout: DatasetLayout, found: Survey) -> list[Stored]:
    """Delete what goes; return it.

    Raises:
        StoreError: The results bucket does not answer; run it again.
        ConfigError: The key may not delete.
    """
    deleted = []
    for batch in _batches(found.goes):
        # A summary of an old run that was repeated just now may have become the answer.
        current = read_current(results, layout)
        moved = current is not None and current["run_key"] != found.answer
        listing = read_name(layout, current["listing"]).run_key if current else ""
        spared = {current["run_key"], listing} if current and moved else set()
        gone = [entry for entry in batch if entry.name.run_key not in spared]
        results.delete(entry.key for entry in gone)
        deleted += gone
    for upload in found.uploads:
        results.abort_upload(upload)
    return deleted


def _batches(goes: Sequence[Stored]) -> Iterator[list[Stored]]:
    """Cut at runs: the files of one run go in one request."""
    batch: list[Stored] = []
    for _, group in groupby(
        sorted(goes, key=lambda entry: (entry.name.run_key, entry.key)), attrgetter("name.run_key")
    ):
        run = list(group)
        if batch and len(batch) + len(run) > BATCH:
            yield batch
            batch = []
        batch += run
    if batch:
        yield batch


def _find_answers(results: ObjectStore, layout: DatasetLayout, stored: Iterable[Stored]) -> list[RunId]:
    """Find the newest run of each variant that is complete and looked at the whole dataset."""
    runs = sorted(
        {(entry.name.variant, entry.name.run_key) for entry in stored if entry.name.kind is Kind.SUMMARY}, reverse=True
    )
    answers = []
    for variant, of_variant in groupby(runs, key=lambda run: run[0]):
        for _, run_key in of_variant:
            summary = read_summary(results, layout.variant(variant).run(run_key).summary)
            if summary.complete and summary.scope.full:
                answers.append((variant, run_key))
                break
    return answers


def _named_listings(
    results: ObjectStore,
    stored: Iterable[Stored],
    kept: Mapping[RunId, str],
    current: Mapping[str, Any] | None,
) -> dict[str, str]:
    """Read which listings the plans of kept runs name, and their files: several runs may share one."""
    named = {}
    for entry in stored:
        run = (entry.name.variant, entry.name.run_key)
        if entry.name.kind is Kind.PLAN and run in kept:
            named[read_plan(results, entry.key).listing.key] = kept[run]
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


def _find_uploads(
    results: ObjectStore, layout: DatasetLayout, terms: Terms
) -> tuple[tuple[UnfinishedUpload, ...], str | None]:
    try:
        found = results.list_unfinished_uploads(layout.root)
    except ShoalError as err:  # also a key that may not: the store gives them up by its own rule
        return (), str(err)
    return tuple(upload for upload in found if terms.now - upload.started_at > WRITTEN_WITHIN), None
