"""One run as many people may look at it every few seconds: `facts` without the rows, which are thousands of files."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any

from shoal.contract.minted_names import run_time
from shoal.contract.stored_json import pick
from shoal.contract.stored_names import is_failed_attempt
from shoal.history.facts import Images, RunFacts, ShardProgress
from shoal.history.notes import Notes
from shoal.history.progress import RunProgress
from shoal.history.signs import MOST_NOTES, read_progress
from shoal.models.approval import answer_to
from shoal.results.read_plan import read_plan
from shoal.results.stored_summary import find_summary
from shoal.settings.dataset_stores import Stores
from shoal.shards.failure_notes import FailedAttempt
from shoal.stores.listed import ListedObject
from shoal.stores.object_store import ObjectStore

MOST_LISTED = 3 * MOST_NOTES
"""Objects of one run that are looked at: there are more only where somebody else writes, too."""

MOST_ATTEMPTS = 1000
"""Notes on failed attempts that are read, the first first."""

MOST_OF_A_TEXT = 2000
"""Characters that are kept of an attempt's error, and of each of its names."""


def see_run(
    stores: Stores, run_key: str, variant: str, notes: Notes, *, current: str | None = None, later: str | None = None
) -> RunFacts:
    """Read what the bucket tells of a run, but for its rows: what is open is what its workers say.

    Args:
        stores: The dataset's buckets.
        run_key: The run.
        variant: Folder of its variant.
        notes: What was read before.
        current: The run that is the dataset's answer.
        later: The next run that goes on with what this one left.

    Raises:
        ContractError: A stored object is not what it must be.
        StoreError: The results bucket does not answer.
    """
    results, layout, name = stores.results, stores.layout.variant(variant), stores.layout.dataset
    run, now = layout.run(run_key), results.read_clock()
    listed = list(islice(results.list_objects(run.root), MOST_LISTED))
    last_sign = max((one.last_modified for one in listed), default=run_time(run_key))
    facts = RunFacts(name, name, run_key, now, last_sign=last_sign, later=later, is_answer=current == run_key)
    by_key = {one.key: one for one in listed}
    if run.plan not in by_key:
        return facts
    plan = notes.understand(results, by_key[run.plan], read_plan)
    summary = find_summary(results, run.summary) if run.summary in by_key else None
    attempts = [one for one in listed if is_failed_attempt(run, one.key)]
    progress = None if summary else read_progress(results, layout, plan, now, notes=notes, listed=listed)
    shards = progress.shards if progress else ()
    spoken = [now - timedelta(seconds=one.age_s) for one in shards if one.age_s is not None]
    return replace(
        facts,
        plan=plan,
        summary=summary,
        answer=answer_to(plan, results, layout),
        attempts=_read_attempts(results, attempts, notes),
        progress=progress,
        shards=tuple(ShardProgress(one.shard, one.images, one.left) for one in shards),
        open=_open(progress) if plan.shards else Images(),
        last_sign=max([last_sign, *spoken]),
    )


def _open(progress: RunProgress | None) -> Images | None:
    """Tell what is open; None where nobody knows, as where a worker fell silent that had made the last rows."""
    known = progress is not None and (progress.left > 0 or progress.is_done)
    return Images(progress.left) if known and progress is not None else None


def _read_attempts(results: ObjectStore, listed: Iterable[ListedObject], notes: Notes) -> tuple[FailedAttempt, ...]:
    first = sorted(listed, key=lambda one: one.last_modified)[:MOST_ATTEMPTS]
    found = notes.read(results, first, _understand_attempt)
    return tuple(sorted(found.values(), key=lambda failed: (failed.failed_at, failed.shard)))


def _understand_attempt(stored: Mapping[str, Any]) -> FailedAttempt:
    failed = pick(FailedAttempt, stored)
    error, at = failed.error[:MOST_OF_A_TEXT], failed.failed_at[:MOST_OF_A_TEXT]
    pod, node = (text and text[:MOST_OF_A_TEXT] for text in (failed.pod, failed.node))
    return replace(failed, error=error, failed_at=at, pod=pod, node=node)
