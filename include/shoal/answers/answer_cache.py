"""Answers whose tables lie on this machine's disk, open to be asked again and again: what pages look into.

An answer is opened in a thread of its own: its tables are fetched once, and whoever asks meanwhile is told how far that is. One
session serves one answer, for one question at a time, with bounded memory and a deadline.
"""

import logging
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotInTimeError
from contextlib import ExitStack

from shoal.answers.awaited import Awaited, Progress, StillOpeningError
from shoal.answers.kept_files import KeptFiles
from shoal.answers.open_answer import WAIT_S, OpenAnswer
from shoal.answers.views import view_tables
from shoal.contract.errors import NoAnswerError, ShoalError, StoreError
from shoal.contract.units import size_text
from shoal.results.stored_summary import StoredSummary
from shoal.results.summary_files import SummaryFile
from shoal.stores.folder import FolderStore
from shoal.stores.object_store import ObjectStore
from shoal.tables.limits import limits_of
from shoal.tables.scratch import scratch_folder
from shoal.tables.session import Database

log = logging.getLogger(__name__)

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
        opening, progress = self._opened.begin(
            key,
            lambda progress: self._open(results, summary, files, progress),
            sum(file.bytes or 0 for file in files),
        )
        try:
            return opening.result(wait_s)
        except NotInTimeError:
            raise StillOpeningError(_how_far(progress)) from None
        except CancelledError:
            raise NoAnswerError(
                f"{MOST_OPEN} other answers were asked for meanwhile, and are opened before this one - try again in a while"
            ) from None
        except ShoalError:
            raise
        except Exception as err:
            log.exception("Tables of run %s could not be opened", summary.run_key)
            raise StoreError(f"Tables of run {summary.run_key}: {type(err).__name__}: {err}") from err

    def close(self) -> None:
        """Put all answers away."""
        self._opened.clear()

    def _open(
        self, results: ObjectStore, summary: StoredSummary, files: tuple[SummaryFile, ...], progress: Progress
    ) -> OpenAnswer:
        self._kept.make_folder()
        with ExitStack() as stack:
            folder = stack.enter_context(scratch_folder(self._kept.folder))
            tables = folder / "answer"
            tables.mkdir()
            self._kept.take(results, files, tables, progress.tell)
            # A share of the memory: several answers are open, and Airflow wants its own.
            database = Database(FolderStore(tables), folder, limits_of(beside=1))
            stack.callback(database.connection.close)
            view_tables(database, files)
            return OpenAnswer(summary, files, database, stack.pop_all())
        raise AssertionError("nothing is held back")


def _how_far(progress: Progress) -> str:
    done, total = progress.done_bytes, progress.total_bytes
    if total and done < total:
        return f"The tables of this answer are fetched once: {size_text(done)} of {size_text(total)} after {progress.age_s:.0f} s"
    return f"The tables of this answer are being opened, for {progress.age_s:.0f} s now"
