"""What stands beside the numbers of a run that may become the answer: of its stored tables, in a session of its own."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from shoal.answers.find import StoredRun
from shoal.contract.errors import ContractError, StoreError, one_line
from shoal.contract.layout import DatasetLayout, VariantLayout
from shoal.evidence.answer_evidence import (
    ESTIMATES_FILE,
    FINDINGS_FILE,
    TOO_FEW,
    AnswerEvidence,
    has_numpy,
    is_told,
    read_evidence,
)
from shoal.evidence.health.again import new_of
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

NOT_NOW = "it could not be computed; the log of the summary says why, and the next run tries again"


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
        StoreError: The bucket does not answer; another attempt may do.
    """
    if not answer.complete or not answer.plan.may_become_current:
        return None
    if not is_told(answer.result, said.labels):
        return AnswerEvidence(why_no_findings=TOO_FEW)
    try:
        return _read(results, dataset, StoredRun(layout, answer.plan, as_summary(answer, tables)), said)
    except StoreError:
        raise
    except Exception:  # whatever it was, labels that somebody damaged or no room: the answer stands, with every number
        log.warning("Nothing is told beside the answer's numbers", exc_info=True)
        return AnswerEvidence(
            why_no_estimates=NOT_NOW if said.labels.is_labelled else "", why_no_findings=NOT_NOW, only_now=True
        )


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
    return _read(results, dataset, StoredRun(layout, plan, summary), said)


def find_new_troubles(
    results: ObjectStore, evidence: AnswerEvidence | None, known: KnownAnswer | None
) -> list[dict[str, Any]]:
    """Find the troubles of cameras that the dataset's answer of before does not tell; of a first one those that last."""
    if evidence is None or evidence.findings is None:
        return []
    return new_of(evidence.findings["health"], _told_before(results, known))


def _told_before(results: ObjectStore, known: KnownAnswer | None) -> Sequence[Mapping[str, Any]] | None:
    stored = known.summary.named.get(FINDINGS_FILE) if known and known.summary else None
    if stored is None:
        return None
    try:
        told = (results.find_json(stored.key) or {}).get("health")
    except ContractError as err:  # who looks at that run says so
        log.warning("Which troubles were told before is not known: %s", one_line(err))
        return None
    return told if isinstance(told, list) else None


def _read(results: ObjectStore, dataset: DatasetLayout, run: StoredRun, said: Said) -> AnswerEvidence:
    with open_database(results, run.plan.settings.run, beside=1) as database:
        return read_evidence(database, dataset, run, said.labels, said.decisions)
