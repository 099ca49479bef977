"""What is wrong with the cameras of a dataset, as its answer has it: some lines on the dataset's page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.airflow.pages.evidence_view import see_files
from shoal.airflow.pages.looking import open_run
from shoal.contract.errors import ShoalError, one_line, shown
from shoal.contract.stored_json import reading
from shoal.evidence.answer_evidence import FINDINGS_FILE, count_health, health_of
from shoal.evidence.health.again import lasts
from shoal.exports.report.troubles import name_of
from shoal.history.overview import AnswerFacts

MOST_LINES = 5


@dataclass(frozen=True)
class Health:
    """Troubles of cameras in the images of an answer.

    Attributes:
        troubles: How many there are.
        lasts: How many of them last.
        lasting: Some of those, the latest first, a line each.
        missing: Why they are not known; empty where they are, or nobody looked.
    """

    troubles: int = 0
    lasts: int = 0
    lasting: tuple[str, ...] = ()
    missing: str = ""


NO_HEALTH = Health()


async def see_health(dag_id: str, answer: AnswerFacts | None) -> Health:
    """Look at the troubles that stand beside an answer; what cannot be read is said."""
    if answer is None:
        return NO_HEALTH
    try:
        run = await open_run(dag_id, answer.variant, answer.run_key)
        seen = await see_files(run.place, run.summary, dag_id)
        if seen.findings is None:
            return Health(missing=seen.unread.get(FINDINGS_FILE, ""))
        with reading(FINDINGS_FILE, "restore it from a copy of the bucket"):
            return _tell(seen.findings)
    except ShoalError as err:
        return Health(missing=one_line(err))


def _tell(findings: Mapping[str, Any]) -> Health:
    found = health_of(findings)
    told = sorted(findings["health"], key=lambda one: (one["from"], one["camera"]), reverse=True)
    lines = [
        f"{shown(one['camera'], 80) or '(no name)'}: {name_of(one)} since {one['from']}" for one in told if lasts(one)
    ]
    return Health(count_health(findings), sum(map(lasts, found)), tuple(lines[:MOST_LINES]))
