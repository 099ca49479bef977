"""An answer whose tables lie on this machine's disk, asked one question at a time, with a deadline that stops DuckDB itself."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTimeError
from contextlib import ExitStack, contextmanager

import duckdb

from shoal.answers.awaited import Progress, StillOpeningError, is_stale
from shoal.answers.deadline import stopped_after
from shoal.answers.views import need_known, view_tables
from shoal.answers.where import Where
from shoal.contract.errors import NoAnswerError, ShoalError, StoreError, first_line
from shoal.results.stored_summary import StoredSummary
from shoal.results.summary_files import SummaryFile
from shoal.tables.session import Database

log = logging.getLogger(__name__)

WAIT_S = 2.5
"""So long somebody waits for an answer to open before he is told how far it is."""

DEADLINE_S = 8.0
"""So long a question may take, and so long somebody waits for his turn."""


class OpenTables:
    """Tables of a run on this disk, asked one question at a time; thread-safe.

    Args:
        run_key: The run.
        database: The session that has them.
        stack: What goes with it.
    """

    def __init__(self, run_key: str, database: Database, stack: ExitStack) -> None:
        self._run_key = run_key
        self._database = database
        self._stack = stack
        self._turn = threading.Lock()
        self._closed = False

    @contextmanager
    def asked(self, deadline_s: float) -> Iterator[Database]:
        """Give the session for some questions, which may take so long together, as may the wait for one's turn.

        Raises:
            NoAnswerError: They took longer, or others' questions did, or the tables were put away.
            StoreError: They cannot be read.
        """
        if not self._turn.acquire(timeout=deadline_s):
            raise NoAnswerError(
                f"Others ask run {self._run_key} for more than {deadline_s:g} s already - try again in a while"
            )
        try:
            self._need_open()
            with stopped_after(self._database.connection, deadline_s):
                yield self._database
        except duckdb.InterruptException as err:
            raise NoAnswerError(
                f"Run {self._run_key} was not asked to the end within {deadline_s:g} s - ask for less: one camera, a "
                "shorter time; or use shoal.open, which has no deadline"
            ) from err
        except duckdb.Error as err:
            raise StoreError(f"The tables of run {self._run_key} cannot be read: {first_line(err)}") from err
        finally:
            self._turn.release()

    def close(self) -> None:
        """Put them away, after the question that is asked right now."""
        with self._turn:
            self._closed = True
            self._stack.close()

    def _need_open(self) -> None:
        if self._closed:
            raise NoAnswerError(f"The tables of run {self._run_key} were put away right now - try again")


class OpenAnswer(OpenTables):
    """An answer that can be asked.

    Attributes:
        summary: The run's.
        files: The tables that are here.
    """

    def __init__(
        self, summary: StoredSummary, files: tuple[SummaryFile, ...], database: Database, stack: ExitStack
    ) -> None:
        super().__init__(summary.run_key, database, stack)
        self.summary = summary
        self.files = files
        self._where: Where | None = None
        self._made: dict[str, tuple[Future[None], Progress]] = {}
        self._making = threading.Lock()

    @contextmanager
    def session(
        self,
        where: Where = Where(),  # noqa: B008 - frozen
        *,
        deadline_s: float | None = None,
    ) -> Iterator[Database]:
        """Give the session for some questions: views as `view_answer` makes them, of what `TABLES` names.

        Tables that somebody makes in it stay, for who asks next; views named as the answer's tables do not.

        Args:
            where: What is asked for.
            deadline_s: So long the questions may take together; None as a page's.

        Raises:
            ConfigError: The answer does not know a camera, deployment or taxon of `where`.
            ShoalError: See `asked`.
        """
        with self.asked(DEADLINE_S if deadline_s is None else deadline_s) as database:
            self._view(where)
            yield database

    def need(self, name: str, make: Callable[[Database], Iterator[float]], wait_s: float = WAIT_S) -> None:
        """Have tables made that questions read besides the answer's own: once, in a thread of its own, without a deadline.

        Args:
            name: What they are for.
            make: Makes them; between two of its steps, which say how much is done, others may ask. Views of the whole answer
                are there at its first step only.
            wait_s: How long to wait for it.

        Raises:
            StillOpeningError: It takes longer: ask again.
            ShoalError: It cannot be done.
        """
        with self._making:
            found = self._made.get(name)
            if found is None or is_stale(*found):
                progress = Progress()
                made: Future[None] = Future()
                found = self._made[name] = made, progress
                threading.Thread(
                    target=self._make, args=(make, made, progress), name=f"shoal-{name}", daemon=True
                ).start()
        made, progress = found
        try:
            made.result(wait_s)
        except NotInTimeError:
            raise StillOpeningError(
                f"Boxes of this answer are counted once for this page: {progress.share:.0%} after {progress.age_s:.0f} s"
            ) from None

    def _make(self, make: Callable[[Database], Iterator[float]], made: "Future[None]", progress: Progress) -> None:
        try:
            with self._turn:
                self._need_open()
                self._view(Where())
                steps = make(self._database)
                progress.share = next(steps, 1.0)
            while True:
                with self._turn:
                    self._need_open()
                    share = next(steps, None)
                if share is None:
                    break
                progress.share = share
        except Exception as err:
            if not isinstance(err, ShoalError):
                log.exception("Run %s could not be made ready for its page", self.summary.run_key)
                err = StoreError(f"Tables of run {self.summary.run_key}: {type(err).__name__}: {err}")
            progress.fail()
            made.set_exception(err)
        else:
            made.set_result(None)

    def _view(self, where: Where) -> None:
        if where != self._where:
            self._where = None
            view_tables(self._database, self.files, where)
            need_known(self._database, self.summary, where)
            self._where = where
