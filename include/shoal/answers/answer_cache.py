"""Answers whose tables lie on this machine's disk, open to be asked again and again: what pages look into.

An answer is opened in a thread of its own: its tables are fetched once, and whoever asks meanwhile is told how far that is. One
session serves one answer, for one question at a time, with bounded memory and a deadline.
"""

from contextlib import ExitStack

from shoal.answers.awaited import Awaited, Progress
from shoal.answers.kept_files import KeptFiles
from shoal.answers.kept_session import kept_session
from shoal.answers.open_answer import WAIT_S, OpenAnswer
from shoal.answers.views import view_tables
from shoal.contract.units import size_text
from shoal.results.stored_summary import StoredSummary
from shoal.results.summary_files import SummaryFile
from shoal.stores.object_store import ObjectStore

TABLES = ("images", "detections", "below", "counts-day", "counts-month", "gaps")
"""What is fetched of an answer; hours are counted anew where somebody asks for them."""

MOST_OPEN = 4
"""Answers that are open at once, those that were asked for last."""

OPENED_AT_ONCE = 2


class AnswerCache:
    """Opens answers and keeps some open; thread-safe, one a process.

    Args:
        kept: Where their tables are kept.
    """

    def __init__(self, kept: KeptFiles) -> None:
        self._kept = kept
        self._opened = Awaited[OpenAnswer](OPENED_AT_ONCE, "shoal-answers", MOST_OPEN, OpenAnswer.close)
        kept.ask_back(self._opened.let_go_oldest)

    def open(self, results: ObjectStore, summary: StoredSummary, *, wait_s: float = WAIT_S) -> OpenAnswer:
        """Give an answer, opened before or now.

        Args:
            results: Where its tables lie.
            summary: Of a complete run.
            wait_s: How long to wait for it.

        Raises:
            StillOpeningError: It takes longer: ask again.
            ContractError: A table is gone, or not what the run wrote.
            NoRoomError: This machine has too little disk for it.
            NoAnswerError: Others are opened before it.
            StoreError: The store does not answer.
        """
        key = (results.uri(summary.folder), summary.run_key, summary.result_sha256)
        files = tuple(file for file in summary.tables if file.table in TABLES)
        return self._opened.give(
            key,
            lambda progress: self._open(results, summary, files, progress),
            wait_s,
            _how_far,
            sum(file.bytes or 0 for file in files),
        )

    def close(self) -> None:
        """Put all answers away."""
        self._opened.clear()

    def _open(
        self, results: ObjectStore, summary: StoredSummary, files: tuple[SummaryFile, ...], progress: Progress
    ) -> OpenAnswer:
        with ExitStack() as stack:
            database = stack.enter_context(kept_session(self._kept, results, files, progress.tell))
            view_tables(database, files)
            return OpenAnswer(summary, files, database, stack.pop_all())
        raise AssertionError("nothing is held back")


def _how_far(progress: Progress) -> str:
    done, total = progress.done_bytes, progress.total_bytes
    if total and done < total:
        return f"The tables of this answer are fetched once: {size_text(done)} of {size_text(total)} after {progress.age_s:.0f} s"
    return f"The tables of this answer are being opened, for {progress.age_s:.0f} s now"
