"""What the results bucket tells about one run, whatever became of it and of Airflow's logs."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from shoal.contract.errors import ContractError, TooLargeError
from shoal.contract.json_bounds import MIB
from shoal.contract.layout import VariantLayout
from shoal.contract.minted_names import run_time
from shoal.contract.rows import MANIFEST_COLUMNS
from shoal.contract.run_layout import RunLayout
from shoal.contract.stored_json import reading
from shoal.contract.stored_names import parse_part
from shoal.history.digest import digest, find_later
from shoal.history.progress import RunProgress
from shoal.history.signs import read_progress
from shoal.models.approval import Answer, answer_to
from shoal.results.answer import read_current
from shoal.results.ledger import list_settled
from shoal.results.open_images import reopen_failures
from shoal.results.read_again import read_listed
from shoal.results.read_plan import find_plan
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary, find_summary
from shoal.settings.dataset_stores import Stores
from shoal.shards.failure_notes import FailedAttempt, read_failed_attempts
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database

KINDS = 100
"""Fates and reasons that one failures.csv may tell of; there are about twenty."""

SHOWN_KEYS = 3
"""Keys named where more could be."""


@dataclass(frozen=True)
class Images:
    """Some images: how many, and the first of them in key order."""

    count: int = 0
    first_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShardProgress:
    """How far one shard is now.

    Attributes:
        shard: Its number.
        images: Its images.
        open: Of these, images without a row of this run or one that settles them.
    """

    shard: int
    images: int
    open: int


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run.

    Attributes:
        dataset: Name of the dataset.
        word: What commands take for it: its name, or the place of its results where it has no file any more.
        run_key: The run.
        now: The store's time.
        plan: Its plan; None where the plan was never written.
        summary: Its summary; None where there is none.
        answer: What was said when the variant's work had to be approved.
        attempts: Failed attempts, the first first.
        shards: Progress by now; empty where the manifest was deleted, or nothing was to be inferred.
        open: Images of the manifest without such a row by now; None where the manifest was deleted.
        fates: Images that failures.csv names, by fate and reason.
        last_sign: When the run last wrote anything.
        progress: How far its workers say they are; None where nothing was to be inferred, nobody can tell, or a summary says it.
        later: run_key of the next run that goes on with what this one left; None where there is none.
        is_answer: Whether current.json names the run.
    """

    dataset: str
    word: str
    run_key: str
    now: datetime
    plan: StoredPlan | None = None
    summary: StoredSummary | None = None
    answer: Answer | None = None
    attempts: tuple[FailedAttempt, ...] = ()
    shards: tuple[ShardProgress, ...] = ()
    open: Images | None = None
    fates: Mapping[str, Images] = field(default_factory=dict)
    last_sign: datetime | None = None
    progress: RunProgress | None = None
    later: str | None = None
    is_answer: bool = False


def read_facts(stores: Stores, run_key: str, runs: Mapping[str, str | None], word: str = "") -> RunFacts:
    """Read what the bucket tells about a run.

    Args:
        stores: The dataset's buckets.
        run_key: The run, one of `runs`.
        runs: Every run of the dataset, see `results.run_list`.
        word: What the person wrote for the dataset; its name where nobody did.

    Raises:
        ContractError: A stored object is not what it must be.
        StoreError: The results bucket does not answer.
    """
    results, variant = stores.results, runs[run_key]
    name = stores.layout.dataset
    facts = RunFacts(name, word or name, run_key, results.read_clock(), last_sign=run_time(run_key))
    if variant is None:
        return facts
    layout = stores.layout.variant(variant)
    run = layout.run(run_key)
    plan, summary, current = (
        find_plan(results, run.plan),
        find_summary(results, run.summary),
        read_current(results, stores.layout),
    )
    if plan is None:
        return facts
    later = find_later(run_key, variant, plan.scope, runs, partial(digest, results, stores.layout))
    attempts = tuple(read_failed_attempts(results, run))
    shards, left = _read_progress(results, layout, run, plan)
    return replace(
        facts,
        plan=plan,
        summary=summary,
        answer=answer_to(plan, results, layout),
        attempts=attempts,
        shards=shards,
        open=left,
        fates=_read_failures(results, summary, f"{facts.word}/{run_key}") if summary else {},
        last_sign=_last_sign(results, layout, run, run_key),
        progress=None if summary else read_progress(results, layout, plan, facts.now),
        later=later,
        is_answer=current is not None and current["run_key"] == run_key,
    )


def _read_progress(
    results: ObjectStore, layout: VariantLayout, run: RunLayout, plan: StoredPlan
) -> tuple[tuple[ShardProgress, ...], Images | None]:
    """Join the manifest with every row there is now: this run's, or one that settles the image, whichever run wrote it.

    An image that was denied, changed or gone in an earlier run is open until this one has tried it again.
    """
    if not plan.shards or plan.of_run is not None:
        return (), Images()
    if not results.has(run.manifest):
        return (), None
    return read_listed(results, plan.settings.run, lambda database: _join_manifest(database, layout, run, plan))


def _join_manifest(
    database: Database, layout: VariantLayout, run: RunLayout, plan: StoredPlan
) -> tuple[tuple[ShardProgress, ...], Images]:
    parts, ledgers = list_settled(database.results, layout)
    database.view_parquet("manifest", [run.manifest], MANIFEST_COLUMNS)
    database.view_rows([*ledgers, *parts])
    reopen_failures(database, plan.params)
    database.set_variable("run_key", plan.run_key)
    database.run(
        "CREATE TABLE progress AS SELECT manifest.key, shard, NOT EXISTS (SELECT 1 FROM stored_rows "
        "WHERE stored_rows.key = manifest.key AND stored_rows.object_version = manifest.object_version "
        "AND (settles(status, reason, run_key) OR run_key = getvariable('run_key'))) AS is_open FROM manifest"
    )
    shards = database.records(
        "SELECT shard, count(*)::BIGINT AS images, count(*) FILTER (is_open)::BIGINT AS open FROM progress "
        "GROUP BY shard ORDER BY shard"
    )
    first = database.run("SELECT key FROM progress WHERE is_open ORDER BY key LIMIT ?", [SHOWN_KEYS]).fetchall()
    left = Images(sum(entry["open"] for entry in shards), tuple(key for (key,) in first))
    return tuple(ShardProgress(**entry) for entry in shards), left


def _read_failures(results: ObjectStore, summary: StoredSummary, word: str) -> dict[str, Images]:
    """Count failures.csv by what befell an image; empty where gc has deleted it."""
    found: dict[str, Images] = {}
    file = summary.named.get("failures.csv")
    if file is None or not results.has(file.key):
        return found
    key = file.key
    with (
        TemporaryDirectory(prefix="shoal-") as folder,
        reading(key, f"python -m shoal verify {word} tells whether it was changed"),
    ):
        path = Path(folder) / "failures.csv"
        try:  # every image of a large dataset may be in it, and none besides
            results.download(key, path, None if file.bytes is None else MIB + file.bytes)
        except TooLargeError as err:
            raise ContractError(f"{err} - python -m shoal verify {word} tells whether it was changed") from err
        with path.open(encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text):
                what = f"failed: {row['reason']}" if row["reason"] else row["fate"]
                if what not in found and len(found) == KINDS:
                    raise ValueError(f"it has more than {KINDS} fates and reasons")
                seen = found.get(what, Images())
                found[what] = Images(seen.count + 1, (*seen.first_keys, row["key"])[:SHOWN_KEYS])
    return found


def _last_sign(results: ObjectStore, layout: VariantLayout, run: RunLayout, run_key: str) -> datetime:
    """Find when the run, or one of its workers, last wrote anything."""
    written = [found.last_modified for found in results.list_objects(run.root)]
    for found in results.list_objects(layout.parts):
        name = parse_part(found.key)
        if name is not None and name.run_key == run_key:
            written.append(found.last_modified)
    return max(written, default=run_time(run_key))
