"""What stands beside the numbers of a run that may become the answer: of its stored tables, in a session of its own."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb

from shoal.answers.find import StoredRun
from shoal.contract.errors import ContractError, NoAnswerError, NoRoomError, one_line
from shoal.contract.json_bounds import need_readable
from shoal.contract.layout import DatasetLayout, VariantLayout
from shoal.evidence.answer_evidence import (
    ESTIMATES_FILE,
    FINDINGS_FILE,
    TOO_FEW,
    AnswerEvidence,
    has_numpy,
    health_of,
    is_told,
    newest_of,
    read_evidence,
    write_evidence,
)
from shoal.evidence.answer_files import read_file
from shoal.evidence.health.again import known_by, new_of
from shoal.evidence.said import Said
from shoal.exports.export import Answer
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary
from shoal.results.summary_files import SummaryFile
from shoal.stores.object_store import ObjectStore
from shoal.summary.compared import as_summary
from shoal.summary.same_answer import KnownAnswer
from shoal.tables.session import open_database

log = logging.getLogger(__name__)

MOST_WORDS = 300
"""Characters of a reason."""


def find_evidence(  # noqa: PLR0917 - what it is made of
    results: ObjectStore,
    dataset: DatasetLayout,
    layout: VariantLayout,
    answer: Answer,
    tables: Sequence[SummaryFile],
    said: Said,
) -> AnswerEvidence | None:
    """Find what there is to tell beside an answer; None of a run that is not complete or may not become it.

    Args:
        results: The results bucket.
        dataset: The dataset.
        layout: The run's variant.
        answer: What it found.
        tables: The months of its tables, which are stored by now.
        said: What people had said.

    Raises:
        NoAnswerError: The bucket does not answer; another attempt may do.
    """
    if not answer.complete or not answer.plan.may_become_current:
        return None
    if not is_told(answer.result, said.labels):
        return AnswerEvidence(why_no_findings=TOO_FEW)
    try:
        found = _read(results, dataset, StoredRun(layout, answer.plan, as_summary(answer, tables)), said)
        for name, value in found.files.items():
            need_readable(name, write_evidence(value))
    except NoAnswerError:
        raise
    except (NoRoomError, MemoryError, duckdb.OutOfMemoryException) as err:
        # Every night would have as little: it would compute a known answer anew, and fail again.
        log.warning("Nothing is told beside the answer's numbers: %s", one_line(err))
        return _nothing(said, err, "the next night with news tries again, `summarize --publish` at once", lasts=True)
    except Exception as err:  # whatever it was, labels that somebody damaged: the answer stands, with every number
        log.warning("Nothing is told beside the answer's numbers", exc_info=True)
        return _nothing(said, err, "the next run tries again", lasts=False)
    return found


def _nothing(said: Said, err: Exception, when: str, *, lasts: bool) -> AnswerEvidence:
    reason = one_line(f"{type(err).__name__}: {err}", MOST_WORDS)
    why = f"it could not be computed ({reason}); {when}"
    why_no_estimates = why if said.labels.is_labelled else ""
    return AnswerEvidence(why_no_estimates=why_no_estimates, why_no_findings=why, failed=reason, only_now=not lasts)


def find_again(  # noqa: PLR0917 - likewise
    results: ObjectStore,
    dataset: DatasetLayout,
    layout: VariantLayout,
    plan: StoredPlan,
    summary: StoredSummary,
    said: Said,
) -> AnswerEvidence | None:
    """Find the same of a stored run, by what people had said then; None where it has nothing of it, or nobody can compute it.

    Raises:
        ContractError: A stored object is not what it must be.
        StoreError: The bucket does not answer.
    """
    if not {ESTIMATES_FILE, FINDINGS_FILE} & summary.named.keys() or not has_numpy():
        return None
    return _in_words_of_then(results, summary, _read(results, dataset, StoredRun(layout, plan, summary), said))


def _in_words_of_then(results: ObjectStore, summary: StoredSummary, found: AnswerEvidence) -> AnswerEvidence:
    """Take the remarks that are stored: another release has other words for the same numbers, which are compared."""
    if found.estimates is None or ESTIMATES_FILE not in summary.named:
        return found
    try:
        told = read_file(results, summary, ESTIMATES_FILE).get("remarks")
    except ContractError:
        return found  # whoever compares what is stored tells of it
    return replace(found, estimates={**found.estimates, "remarks": told})


def tell_new_troubles(
    results: ObjectStore, answer: Answer, evidence: AnswerEvidence | None, known: KnownAnswer | None
) -> dict[str, Any]:
    """Tell which troubles of cameras are new, as a summary's `run` has it, and where a run found none what was told so far.

    Those that the dataset's answer of before does not tell; of a first one those that last. A run that is the answer and is
    summarized again tells what it told the first time: nobody may have heard of it yet.

    Args:
        results: The results bucket.
        answer: What the run found.
        evidence: What stands beside it.
        known: The dataset's answer.

    Raises:
        NoAnswerError: The bucket does not answer; another attempt may do.
    """
    findings = evidence.findings if evidence else None
    before = _told_before(results, known)
    so_far = None if findings else before
    if (again := _new_of_itself(answer, known)) is not None:
        return {"new_troubles": again, "told_troubles": so_far}
    newest = newest_of(answer.result)
    new = [] if findings is None or newest is None else new_of(health_of(findings), before, newest)
    return {"new_troubles": new, "told_troubles": so_far}


def _new_of_itself(answer: Answer, known: KnownAnswer | None) -> list[Any] | None:
    """Take what a run told as new when it was summarized before; None where it found nothing then, or is not the answer."""
    if known is None or known.run_key != answer.plan.run_key or known.summary is None:
        return None
    told = known.summary.run.get("new_troubles")
    return told if isinstance(told, list) and FINDINGS_FILE in known.summary.named else None


def _told_before(results: ObjectStore, known: KnownAnswer | None) -> list[dict[str, Any]] | None:
    """Read which troubles were told by the answer before, or those before it where it found none; None where nobody knows."""
    if known is None or known.summary is None:
        return None
    stored = known.summary.named.get(FINDINGS_FILE)
    try:
        told = known.summary.run.get("told_troubles") if stored is None else health_of(results.read_json(stored.key))
        return None if told is None else known_by(told)
    except NoAnswerError:
        raise
    except Exception as err:  # noqa: BLE001 - whatever somebody made of it: people hear again of what lasts
        log.warning("Which troubles were told before is not known: %s", one_line(err))
        return None


def _read(results: ObjectStore, dataset: DatasetLayout, run: StoredRun, said: Said) -> AnswerEvidence:
    images = run.plan.counts.listed
    with open_database(results, run.plan.settings.run, beside=1, images=images) as database:
        return read_evidence(database, dataset, run, said.labels, said.decisions)
