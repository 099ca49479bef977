"""Recompute a run from the bucket alone and say where the stored answer deviates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shoal.contract.errors import ContractError, MovedError, ShoalError, UnreadableError, one_line
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import FORMAT_VERSION, VariantLayout
from shoal.evidence.answer_evidence import ESTIMATES_FILE, FINDINGS_FILE, AnswerEvidence, has_numpy
from shoal.evidence.said import Said, read_said_then
from shoal.exports.export import Answer
from shoal.exports.write_again import compare_exports
from shoal.history.verification.files import check_export_months, check_files, check_listing
from shoal.history.verification.identity import check_identity
from shoal.history.verification.planned import check_planned
from shoal.history.verification.recheck import Recheck, recheck
from shoal.history.verification.rows import check_balance, check_rows, check_writers
from shoal.history.verification.standing_answer import check_current
from shoal.results.inputs import need_inputs
from shoal.results.ledger import find_sources
from shoal.results.read_again import read_listed
from shoal.results.read_plan import read_plan
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary, find_summary
from shoal.settings.dataset_stores import Stores
from shoal.stores.object_store import ObjectStore
from shoal.summary.balance import Balance, read_balance
from shoal.summary.compare_tables import compare_tables
from shoal.summary.evidence_beside import find_again
from shoal.summary.result import read_result
from shoal.summary.tables import build_tables
from shoal.tables.session import Database

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


_NO_NUMPY = "note: estimates and findings are compared by sha256 only: numpy is not installed here - pip install 'shoal[worker]'"


@dataclass(frozen=True)
class Verification:
    """What verify found.

    Attributes:
        balance: The first balance, recomputed.
        result_sha256: The result's hash, recomputed.
        deviations: One sentence each; empty when everything holds.
        notes: What could be checked in part only, one sentence each.
        recheck: What the model saw in some of the images now; None where nobody asked.
    """

    balance: Balance
    result_sha256: str
    deviations: tuple[str, ...]
    notes: tuple[str, ...] = ()
    recheck: Recheck | None = None


def verify_run(stores: Stores, layout: VariantLayout, run_key: str, images: int = 0) -> Verification:
    """Check G1, G3, G5 and G8, the model's identity, the plan, both balances, the files and the result of one run.

    Args:
        stores: The dataset's buckets; the image bucket is asked only where images are looked at again.
        layout: The variant.
        run_key: The run.
        images: So many are looked at again by the model.

    Raises:
        ContractError: There is no such run, it has no summary, or what it was computed from was deleted.
        StoreError: The results bucket does not answer.
        ShoalError: Images were to be looked at again, and cannot be.
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
        lambda database: _compare(database, stores, layout, (plan, summary), images),
        images=plan.counts.listed,
    )


def _compare(
    database: Database, stores: Stores, layout: VariantLayout, stored: tuple[StoredPlan, StoredSummary], images: int
) -> Verification:
    """Compute a run again from its frozen inputs, and compare."""
    plan, summary = stored
    run, looked = layout.run(plan.run_key), _plan_of_rows(stores, layout, plan)
    sources = find_sources(database, layout, plan)
    said, gone = read_said_then(stores.results, stores.layout, summary)
    build_tables(database, plan, layout.run(plan.rows_run), sources, said.decisions)
    balance = read_balance(database)
    evidence, why_not = _find_evidence(stores, layout, plan, summary, said)
    answer = Answer(plan, balance.complete, read_result(database, plan, balance, said), summary.run, evidence=evidence)
    compared = compare_exports(database, answer, summary)
    format_2 = plan.format_version == FORMAT_VERSION
    of_today = format_2 and summary.by_month
    result, timed = _as_told_then(compared.answer.result, summary.result), list[str]()
    if not of_today:
        result, timed = _as_counted_then(result, summary.result, BY_AXIS if format_2 else BY_TIME)
    result_sha256, identity = canonical_sha256(result), check_identity(stores, looked)
    deviations = [
        *(f"G3: what a person said of a repeat detection is left out: {one_line(err)}" for err in gone),
        *why_not,
        *check_listing(stores.results, plan),
        *identity.deviations,
        *(check_planned(database, stores, plan) if format_2 else ()),
        *check_balance(database, plan, summary, balance),
        *check_files(stores.results, run, summary, result),
        *(compared.deviations if of_today else ()),
        *(compare_tables(database, layout, plan, summary) if of_today else ()),
        *check_export_months(stores.results, plan, summary),
        *check_writers(database, plan, sources),
        *check_rows(database),
        *check_current(stores, plan, summary),
    ]
    notes = [
        *(compared.notes if of_today else _notes_of_earlier(plan, timed)),
        *([identity.note] if identity.note else []),
        *([_NO_NUMPY] if {ESTIMATES_FILE, FINDINGS_FILE} & summary.named.keys() and not has_numpy() else []),
    ]
    found = Verification(balance, result_sha256, tuple(deviations), tuple(notes))
    return _look_again(found, database, stores, looked, images) if images else found


def _look_again(
    found: Verification, database: Database, stores: Stores, looked: StoredPlan, images: int
) -> Verification:
    """Have the model look at some of the images again; where that fails, what was found without is told all the same."""
    try:
        seen = recheck(database, stores, looked, found.result_sha256, images)
    except ShoalError as err:
        if not found.deviations:
            raise
        return replace(found, notes=(*found.notes, f"no image was looked at again: {one_line(err)}"))
    notes = (*found.notes, seen.note) if seen.note else found.notes
    return replace(found, deviations=(*found.deviations, *seen.deviations), notes=notes, recheck=seen)


def _find_evidence(
    stores: Stores, layout: VariantLayout, plan: StoredPlan, summary: StoredSummary, said: Said
) -> tuple[AnswerEvidence | None, tuple[str, ...]]:
    """Find what stands beside the numbers again, or why nobody can: labels that it names are gone, or are other ones."""
    try:
        return find_again(stores.results, stores.layout, layout, plan, summary, said), ()
    except (ContractError, UnreadableError, MovedError) as err:
        return None, (
            f"G3: estimates and findings cannot be computed again, they are compared by sha256 only: {one_line(err)}",
        )


def _plan_of_rows(stores: Stores, layout: VariantLayout, plan: StoredPlan) -> StoredPlan:
    """Read the plan of the run that looked at the images: of one that counts them again that is another one."""
    return plan if plan.of_run is None else read_plan(stores.results, layout.run(plan.of_run).plan)


def _as_counted_then(
    result: Mapping[str, Any], stored: Mapping[str, Any], by_time: frozenset[str]
) -> tuple[dict[str, Any], list[str]]:
    """Leave out what an earlier release did not tell or told otherwise; name what differs by its clock alone.

    Its counts lay in one file, and in format 1 had lines for bins without effort, too.
    """
    told = {**{name: result.get(name) for name in stored}, "counts_sha256": stored["counts_sha256"]}
    timed = _find_timed(told, stored, by_time)
    return told | {name: stored[name] for name in timed}, timed


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
