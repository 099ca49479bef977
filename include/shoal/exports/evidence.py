"""estimates.json and findings.json: what labels make of an answer's counts, and what its tables say is wrong with its cameras."""

from pathlib import Path

from shoal.answers.where import Where
from shoal.evidence.answer_evidence import write_evidence
from shoal.exports.export import Answer, Written
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database


class Evidence:
    """Both files, as far as there is anything to tell."""

    name = "evidence"
    content_type = "application/json"
    needs_complete = True
    repeatable = True

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file."""
        return []

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:  # noqa: ARG002 - the door's
        """Write them."""
        files = answer.evidence.files if answer.evidence else {}
        for name, value in files.items():
            (to / name).write_bytes(write_evidence(value))
        return Written(tuple(to / name for name in files))


EVIDENCE = Evidence()
