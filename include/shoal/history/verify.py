"""Recompute a run from the bucket alone and say where the stored answer deviates."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.contract.errors import ContractError
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import FORMAT_VERSION, RunLayout, VariantLayout
from shoal.contract.rows import ROW_COLUMNS
from shoal.contract.stored_names import parse_part
from shoal.exports.export import BY_MONTH, Answer
from shoal.exports.write_again import compare_exports
from shoal.results.answer import read_current
from shoal.results.inputs import need_inputs
from shoal.results.ledger import RowSources, find_sources
from shoal.results.lineage import ledger_name
from shoal.results.read_again import read_listed
from shoal.results.stored_plan import StoredPlan, read_plan
from shoal.results.stored_summary import StoredSummary, find_summary
from shoal.settings.dataset_stores import Stores
from shoal.stores.object_store import ObjectStore
from shoal.summary.balance import Balance, read_balance
from shoal.summary.compare_tables import compare_tables
from shoal.summary.export_months import compare_export_months
from shoal.summary.result import read_result
from shoal.summary.tables import build_tables
from shoal.tables.frozen_listing import read_files
from shoal.tables.session import Database, open_database

BY_TIME = frozenset({"balance", "clock_flags", "deployments", "series", "undated_species"})
"""Fields of a result that depend on capture times."""

BY_USE = frozenset({"censored_images", "overlaps", "species"})
"""Those that depend on which images are used; times decide that in part, which shows in the balance."""

BY_AXIS = frozenset({"deployments", "series"})
"""Those that tell first and last images; summaries of one folder took them wherever a wrong clock put them."""


TOLD_LATER = frozenset({
    "events", "events_with", "mean_maxn_of_events", "groups", "mean_maxn_of_groups", "camera_days",
})  # fmt: skip
"""What lines of species, series and deployments did not tell at first; their numbers follow from the same rows."""


@dataclass(frozen=True)
class Verification:
    """What verify found.

    Attributes:
        balance: The first balance, recomputed.
        result_sha256: The result's hash, recomputed.
        deviations: One sentence each; empty when everything holds.
        notes: What could be checked in part only, one sentence each.
    """

    balance: Balance
    result_sha256: str
    deviations: tuple[str, ...]
    notes: tuple[str, ...] = ()


def verify_run(stores: Stores, layout: VariantLayout, run_key: str) -> Verification:
    """Check G1, G3, G5 and G8, both balances, the files and the result of one run.

    Raises:
        ContractError: There is no such run, it has no summary, or what it was computed from was deleted.
        StoreError: The results bucket does not answer.
    """
    run = layout.run(run_key)
    plan, summary = read_plan(stores.results, run.plan), find_summary(stores.results, run.summary)
    if summary is None:
        what = "is plan_only and" if plan.plan_only else "has no summary and"
        raise ContractError(
            f"Run {run_key} {what} holds nothing to verify - python -m shoal why {stores.layout.dataset}/{run_key} says why"
        )
    need_inputs(stores.results, plan, layout.run(plan.rows_run))
    _need_files(stores.results, summary)
    return read_listed(
        stores.results,
        plan.settings.run,
        lambda database: _compare(database, stores, layout, plan, summary),
        images=plan.counts.listed,
    )


def _compare(
    database: Database, stores: Stores, layout: VariantLayout, plan: StoredPlan, summary: StoredSummary
) -> Verification:
    """Compute a run again from its frozen inputs, and compare."""
    run = layout.run(plan.run_key)
    sources = find_sources(database, layout, plan)
    build_tables(database, plan, layout.run(plan.rows_run), sources)
    balance = read_balance(database)
    answer = Answer(plan, balance.complete, read_result(database, plan, balance), summary.run)
    compared = compare_exports(database, answer, summary)
    result = _as_told_then(compared.answer.result, summary.result)
    format_2 = plan.format_version == FORMAT_VERSION
    of_today = format_2 and summary.by_month
    timed: list[str] = []
    if not of_today:  # its counts lay in one file, and in format 1 had lines for bins without effort, too
        result = {name: result.get(name) for name in summary.result}  # it did not tell all that is told today
        result["counts_sha256"] = summary.result["counts_sha256"]
        timed = _find_timed(result, summary.result, BY_AXIS if format_2 else BY_TIME)
        result |= {name: summary.result[name] for name in timed}
    deviations = [
        *_check_listing(stores.results, plan),
        *_check_balance(database, plan, summary, balance),
        *_check_files(stores.results, run, summary, result),
        *(compared.deviations if of_today else ()),
        *(compare_tables(database, layout, plan, summary) if of_today else ()),
        *_check_export_months(stores.results, plan, summary),
        *_check_writers(database, plan, sources),
        *_check_rows(database),
        *_check_current(stores, plan, summary),
    ]
    notes = compared.notes if of_today else _notes_of_earlier(plan, timed)
    return Verification(balance, canonical_sha256(result), tuple(deviations), notes)


def _as_told_then(result: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of each line what was not told yet when the summary was written: events, groups and days at work."""

    def line(now: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in now.items() if name in then or name not in TOLD_LATER}

    lists = {
        name: [line(*pair) for pair in zip(result[name], stored[name], strict=True)]
        for name in ("species", "series", "deployments")
        if isinstance(stored.get(name), list) and len(stored[name]) == len(result[name])
    }
    return {**result, **lists}


def _notes_of_earlier(plan: StoredPlan, timed: Sequence[str]) -> tuple[str, ...]:
    """Say what could be checked in part only of what an earlier release stored."""
    format_2 = plan.format_version == FORMAT_VERSION
    stored = "before tables by month" if format_2 else f"in format {plan.format_version}"
    rules = "rule of first and last images changed since then" if format_2 else "clock's rules changed with format 2"
    clock = f"the {rules}, by today's {', '.join(timed)} would be otherwise: not compared"
    return (
        f"stored {stored}: its files are compared by their sha256, not written again",
        *([clock] if timed else []),
    )


def _find_timed(result: Mapping[str, Any], stored: Mapping[str, Any], names: frozenset[str]) -> list[str]:
    """Name the fields that differ and may do so because capture times are read by other rules since then."""
    if names == BY_TIME and result.get("balance") != stored.get("balance"):
        names |= BY_USE
    return sorted(name for name in names & stored.keys() if result.get(name) != stored[name])


def _need_files(results: ObjectStore, summary: StoredSummary) -> None:
    """Tell a folder that was deleted whole from one that lacks a file, which is a deviation.

    Raises:
        ContractError: None of the files is there.
    """
    if not any(results.has(file.key) for file in summary.files):
        raise ContractError(
            f"Run {summary.run_key} cannot be verified: the files of its summary are not in the bucket - python -m "
            "shoal gc deletes them after retention.keep; summary.json and all rows stay"
        )


def _check_listing(results: ObjectStore, plan: StoredPlan) -> Iterator[str]:
    """G1: what was listed is what lies there."""
    for file in read_files(results, plan.listing.key):
        if file.sha256 is not None and hash_object(results, file.key) != file.sha256:
            yield (
                f"G1: listing file {file.key} has another sha256 than the listing says - restore an older version of it, or "
                "delete it and start a run: it is written again if its month is as it was"
            )


def hash_object(results: ObjectStore, key: str) -> str:
    """Hash an object piece by piece."""
    digest = hashlib.sha256()
    for piece in results.stream(key)[1]:
        digest.update(piece)
    return digest.hexdigest()


def _check_balance(database: Database, plan: StoredPlan, summary: StoredSummary, balance: Balance) -> Iterator[str]:
    """G1: each listed key in exactly one fate, and the manifest is what the plan says."""
    try:
        balance.check(plan)
    except ContractError as err:
        yield f"G1: {err}"
    if balance.to_json() != summary.balance:
        yield f"G1: recomputed balance {balance.to_json()} differs from the summary's {dict(summary.balance)}"
    if summary.complete != balance.complete:
        yield f"G1: summary says complete {summary.complete}, recomputed {balance.complete}"
    for table, columns in (("listing", "key"), ("accounted", "key"), ("manifest", "key")):
        twice = database.value(f"SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {columns} HAVING count(*) > 1)")
        if twice:
            yield f"G1: {twice} keys appear more than once in {table}"
    foreign = database.value("SELECT count(*) FROM manifest ANTI JOIN listing USING (key, object_version)")
    if foreign:
        yield f"G1: {foreign} images of the manifest are not in the listing"
    planned = {shard.shard: shard.images for shard in plan.shards}
    found = dict(database.run("SELECT shard, count(*)::BIGINT FROM manifest GROUP BY shard").fetchall())
    if found != planned:
        yield f"G1: shards of the manifest {found} differ from the plan's {planned}"


def _check_files(
    results: ObjectStore, run: RunLayout, summary: StoredSummary, result: Mapping[str, Any]
) -> Iterator[str]:
    """G3: every file the summary names is there, whole, and the numbers are those of the rows."""
    for file in summary.files:
        if not results.has(file.key):
            yield f"G3: file {file.name} of the summary of run {summary.run_key} is missing: there is no object {file.key}"
        elif hash_object(results, file.key) != file.sha256:
            yield (
                f"G3: file {file.name} has another sha256 than the summary says - delete {file.key}, then clear summarize or "
                "start a run: it is written again"
            )
    if canonical_sha256(summary.result) != summary.result_sha256:
        yield f"G3: the result in {run.summary} does not have the sha256 beside it"
    for field in sorted({*result, *summary.result}):
        if result.get(field) != summary.result.get(field):
            yield f"result: {field} recomputed from the rows differs from the summary's"


def _check_export_months(results: ObjectStore, plan: StoredPlan, summary: StoredSummary) -> Iterator[str]:
    """G3: months of exports are what the stored tables give, in a session whose views are those of the answer."""
    if summary.export_months or set(plan.settings.exports) & set(BY_MONTH):
        with open_database(results, plan.settings.run) as database:
            yield from compare_export_months(database, plan, summary)


def _check_writers(database: Database, plan: StoredPlan, sources: RowSources) -> Iterator[str]:
    """G5: every row of this run's own objects comes from this run or from a part its plan adopted."""
    adopted = {(name.run_key, name.attempt) for name in map(parse_part, plan.parts) if name}
    own = {ledger_name(key) for key in sources.own}
    writers: dict[str, set[tuple[str, str]]] = {}
    for key in sources.own:
        database.view_parquet("own_rows", [key], ROW_COLUMNS)
        writers[key] = {*database.run("SELECT DISTINCT run_key, attempt FROM own_rows").fetchall()}
    # Compacted since, rows still tell which ledger they were first written to.
    for name, run_key, attempt in database.run(
        "SELECT DISTINCT ledger, run_key, attempt FROM stored_rows WHERE starts_with(ledger, getvariable('run_key') || '-')"
    ).fetchall():
        if name not in own:
            writers.setdefault(name, set()).add((run_key, attempt))
    for key, some in sorted(writers.items()):
        strangers = [
            f"{run_key}-{attempt}"
            for run_key, attempt in sorted(some)
            if run_key != plan.rows_run and (run_key, attempt) not in adopted
        ]
        if strangers:
            yield f"G5: {key} holds rows written by {', '.join(strangers)}"


def _check_rows(database: Database) -> Iterator[str]:
    """G8: counted rows belong to the listed object; G4: rows of one image agree."""
    resized = database.value(
        "SELECT count(*) FROM listing JOIN rows USING (key, object_version) WHERE listing.size_bytes <> rows.size_bytes"
    )
    if resized:
        yield f"G8: {resized} rows have another size than the listed object"
    torn = database.value(
        "SELECT count(*) FROM (SELECT 1 FROM stored_rows WHERE status = 'processed' GROUP BY key, object_version "
        "HAVING count(DISTINCT (content_sha256, width, height, detections)) > 1)"
    )
    if torn:
        yield f"G4: {torn} images have rows that differ from each other"


def _check_current(stores: Stores, plan: StoredPlan, summary: StoredSummary) -> Iterator[str]:
    """G3: `current.json` names only complete runs, with the result they have."""
    current = read_current(stores.results, stores.layout)
    if current is None or current["run_key"] != plan.run_key:
        return
    if not summary.complete:
        yield "G3: current.json names this run, which is not complete"
    if current["result_sha256"] != summary.result_sha256:
        yield "G3: current.json has another result sha256 than the summary"
