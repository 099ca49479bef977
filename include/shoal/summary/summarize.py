"""The last task: rows into the ledger, both balances, numbers, files, `summary.json`, `current.json` - in this order."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shoal.bucket.drift import compare_known
from shoal.contract.layout import DatasetLayout, VariantLayout
from shoal.contract.minted_names import mint_attempt
from shoal.contract.rows import LISTING_COLUMNS
from shoal.contract.units import utc_text
from shoal.evidence.answer_evidence import NO_ANSWER, AnswerEvidence
from shoal.evidence.said import Said, read_said
from shoal.exports.explore import read_explore
from shoal.exports.export import Answer, Draw
from shoal.exports.loaded_code import is_code_as_loaded
from shoal.exports.write import write_exports
from shoal.pictures.draw import draw
from shoal.pictures.drawing import PictureLimits
from shoal.results.answer import move_current
from shoal.results.compaction import FAILURES, compact, tell_failure
from shoal.results.inputs import need_inputs
from shoal.results.ledger import find_sources, settle
from shoal.results.read_again import read_listed
from shoal.results.read_plan import read_plan
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import read_summary
from shoal.settings.dataset_stores import Stores
from shoal.stores.shared_files import SharedFiles
from shoal.summary.answer_tables import answer_tables
from shoal.summary.balance import Balance, read_balance
from shoal.summary.compared import compare_answer
from shoal.summary.evidence_beside import find_evidence, tell_new_troubles
from shoal.summary.export_months import store_export_months
from shoal.summary.known_months import KnownMonths, find_known_months, hash_rules, lines_to_json, read_lines
from shoal.summary.months import store_tables
from shoal.summary.publish import Found, export_folder, store_explore, store_exports, write_summary
from shoal.summary.result import read_result, read_run_facts
from shoal.summary.same_answer import KnownAnswer, find_same_answer, read_inputs, read_known
from shoal.summary.stuck_images import find_unreadable
from shoal.summary.summarized_run import SummarizedRun
from shoal.summary.tables import build_tables
from shoal.tables.frozen_listing import find_whole
from shoal.tables.session import Database

IMAGE_BYTES = 1000
"""About what a summary holds of an image with three boxes, in memory or on disk, and somewhat more: docs/performance.md."""


def summarize_run(stores: Stores, layout: VariantLayout, run_key: str, *, with_pictures: bool = False) -> SummarizedRun:
    """Summarize a planned run from what its plan froze and the rows its shards wrote.

    Args:
        stores: The dataset's.
        layout: The variant.
        run_key: The run.
        with_pictures: Whether images are read for the report: those that cannot be drawn cost nothing but themselves.

    Raises:
        ContractError: A balance does not close, or a stored object is not what it must be.
        StoreError: The results bucket does not answer.
    """
    run = layout.run(run_key)
    plan = read_plan(stores.results, run.plan)
    need_inputs(stores.results, plan, layout.run(plan.rows_run))
    attempt, settled, again = mint_attempt(), list[str | None](), stores.results.has(run.summary)

    def find(database: Database) -> Found:
        if not settled:  # what was moved into a ledger is not moved into one of the same name again
            settled.append(settle(database, layout, plan, attempt))
        return _find_answer(database, stores, layout, plan, attempt, settled[0], with_pictures=with_pictures)

    found = read_listed(stores.results, plan.settings.run, find, images=plan.counts.listed)
    summary = write_summary(stores.results, run, found)
    stores.results.delete(stores.results.list_keys(run.tries))  # left by attempts that were killed from outside
    move = move_current(
        stores.results,
        stores.layout,
        plan,
        complete=found.balance.complete,
        result_sha256=summary["result_sha256"],
        unread=found.balance.why_no_answer(),
    )
    remarks = _compact(stores, layout, plan)
    return SummarizedRun(summary, found.balance, run.summary, move, remarks, plan.clock, again)


def _find_answer(  # noqa: PLR0917 - the run, and what its rows were moved into
    database: Database,
    stores: Stores,
    layout: VariantLayout,
    plan: StoredPlan,
    attempt: str,
    ledger: str | None,
    *,
    with_pictures: bool,
) -> Found:
    """Find what a run's rows say, and store its files; nothing is computed where an answer of the same rows is there."""
    sources, known = find_sources(database, layout, plan), read_known(stores)
    said = read_said(stores.results, stores.layout)
    inputs = read_inputs(database, plan, sources, said)
    shared = SharedFiles.look(stores.results, layout.answer, known.keys if known else frozenset())
    same = find_same_answer(plan, inputs, known, shared) if ledger is None else None
    if same is not None:
        return same
    database.foresee("Summarizing", plan.counts.listed, IMAGE_BYTES)
    build_tables(database, plan, layout.run(plan.rows_run), sources, said.decisions)
    own = {"inputs_sha256": inputs.sha256 if inputs else None, "ledger": ledger}
    balance, answer = _read_answer(database, layout, plan, known, own, said)
    answer = replace(answer, draw=_draw_from(stores, plan) if with_pictures else None)
    lines = read_lines(database, answer_tables(plan), hash_rules(inputs)) if balance.complete else None
    # From here on no more of the code is read that decides a line.
    months = find_known_months(lines, known, plan, shared) if is_code_as_loaded() else {}
    found = _store_answer(database, stores.layout, layout, attempt, balance, answer, shared, months, said, known)
    found = _with_export_months(found, layout, answer, shared, known, months)
    told = {"inputs_sha256": found.run["inputs_sha256"], "lines": lines_to_json(lines)}
    if not is_code_as_loaded():
        told = dict.fromkeys(told)
    return replace(found, run={**found.run, **told})


def _draw_from(stores: Stores, plan: StoredPlan) -> Draw:
    """Give what draws images of the dataset's bucket, each as the run saw it."""
    model = plan.settings.model
    limits = PictureLimits(pixel_limit=model.pixel_limit, scan_limit=model.scan_limit, seconds=20, fetch_seconds=20)
    return lambda drawings: draw(stores.source, drawings, limits)


def _compact(stores: Stores, layout: VariantLayout, plan: StoredPlan) -> tuple[str, ...]:
    """Keep the ledgers few; the answer stands by then, and does not fall with this."""
    try:
        return tuple(compact(stores.results, layout, plan.run_key, plan.settings.run).describe())
    except FAILURES as err:
        return (tell_failure(err),)


def _read_answer(  # noqa: PLR0917 - what an answer is read from
    database: Database,
    layout: VariantLayout,
    plan: StoredPlan,
    known: KnownAnswer | None,
    own: Mapping[str, Any],
    said: Said,
) -> tuple[Balance, Answer]:
    """Read what a run found from its tables; `own` is what only whoever settled its rows knows."""
    balance = read_balance(database)
    balance.check(plan)
    result = read_result(database, plan, balance, said)
    facts = {
        **read_run_facts(database, plan, balance),
        **own,
        "unreadable": find_unreadable(database, layout, plan.run_key, balance).to_json(),
        "removed_since_previous": _count_removed(database, layout, plan, known),
        "summarized_at": utc_text(datetime.now(UTC)),
    }
    return balance, Answer(plan, balance.complete, result, facts, explore=read_explore(database, plan, result))


def _store_answer(  # noqa: PLR0917 - what was found, and where it goes
    database: Database,
    dataset: DatasetLayout,
    layout: VariantLayout,
    attempt: str,
    balance: Balance,
    answer: Answer,
    shared: SharedFiles,
    months: KnownMonths,
    said: Said,
    known: KnownAnswer | None,
) -> Found:
    """Store all files of an answer; a run that is not complete has no tables: they would pass for those of all images."""
    tables = store_tables(database, layout, answer_tables(answer.plan), shared, months) if answer.complete else ()
    explore = store_explore(answer.explore, layout, shared, database.folder) if answer.complete else None
    compared = compare_answer(database.results, layout, answer, tables)
    evidence = find_evidence(database.results, dataset, layout, answer, tables, said)
    of_today = {"inputs_sha256": None} if any(one and one.only_now for one in (compared, evidence)) else {}
    new = {
        **tell_new_troubles(database.results, answer, evidence, known),
        "why_not_beside": (evidence or AnswerEvidence(None, None, NO_ANSWER, NO_ANSWER)).why_not,
    }
    answer = replace(answer, compared=compared, evidence=evidence, run={**answer.run, **of_today, **new})
    exported = write_exports(database, answer, answer.plan.settings.exports)
    folder = export_folder(exported, layout.run(answer.plan.run_key).summary_file(attempt, ""), layout)
    missing = {"evidence": {"failed": evidence.failed}} if evidence and evidence.failed else {}
    told = {"exports": {**exported.told, **missing}} if exported.told or missing else {}
    files = (*store_exports(exported, folder, shared), *([explore] if explore else []), *tables)
    return Found(balance, exported.answer.result, {**answer.run, **told}, folder, files)


def _with_export_months(  # noqa: PLR0917 - what is made of what
    found: Found,
    layout: VariantLayout,
    answer: Answer,
    shared: SharedFiles,
    known: KnownAnswer | None,
    months: KnownMonths,
) -> Found:
    """Add the months of exports that the dataset file asks for: made of the tables, which are stored by now."""
    tables = [file for file in found.files if file.month is not None]
    exported = store_export_months(layout, answer, tables, shared, known, months)
    told = {**found.run.get("exports", {}), **exported.told}
    run = {**found.run, "exports": told} if told else found.run
    return replace(found, run=run, files=(*found.files, *exported.files))


def _count_removed(
    database: Database, layout: VariantLayout, plan: StoredPlan, known: KnownAnswer | None
) -> int | None:
    """Count images of the answer's listing that the bucket lacks; None without an answer or with a narrower scope."""
    if known is None or not plan.scope.full:
        return None
    if known.frozen_at.listed_at > plan.listing.frozen_at.listed_at:
        return None
    if known.run_key == plan.run_key:
        # Summarized before: what it was compared with then is no longer the answer.
        return read_summary(database.results, layout.run(plan.run_key).summary).removed_since_previous
    files = find_whole(database.results, known.frozen_at.key)
    if not files:
        return None
    database.view_parquet("previous", files, LISTING_COLUMNS)
    return compare_known(database, "previous", plan.settings.source, plan.scope.prefix).gone
