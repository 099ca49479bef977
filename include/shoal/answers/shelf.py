"""Answers whose images are looked through: small tables on this disk, made of an answer's own once for all who look."""

import shutil
from collections.abc import Callable, Collection, Hashable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import duckdb

from shoal.answers.awaited import Awaited, Progress
from shoal.answers.browse import BrowsedAnswer
from shoal.answers.deadline import stopped_after
from shoal.answers.kept_files import KeptFiles
from shoal.answers.kept_session import files_in, kept_session
from shoal.answers.open_answer import OpenTables
from shoal.contract.errors import ConfigError
from shoal.results.summary_files import SummaryFile
from shoal.stores.object_store import ObjectStore
from shoal.tables.limits import Limits
from shoal.tables.session import Database

MOST_ANSWERS = 3
MOST_BYTES = 8 * 1024**3
"""On disk, of all of them together, beside what is kept of the answers' own files."""

LIMITS = Limits(memory_bytes=512 * 1024**2, threads=2)
"""Of one answer's session: what it holds beyond that lies on disk."""

BRING_S = 900.0
"""So long the tables of an answer may take to be made."""

LOOK_S = 10.0
"""So long one look at an answer that is here may take."""


class Brought(OpenTables):
    """An answer that is here."""

    def __init__(self, answer: BrowsedAnswer, database: Database, stack: ExitStack) -> None:
        super().__init__(answer.summary.run_key, database, stack)
        self._answer = answer

    @contextmanager
    def look(self) -> Iterator[BrowsedAnswer]:
        """Look at it, alone and for seconds; raises as `asked`."""
        with self.asked(LOOK_S):
            yield self._answer


class Shelf:
    """Brings answers here, one at a time, and keeps those that were looked at last; thread-safe.

    Args:
        kept: Where the answers' own files are kept.
        most: Answers that are kept.
    """

    def __init__(self, kept: KeptFiles, most: int = MOST_ANSWERS) -> None:
        self._kept = kept
        self._brought = Awaited[Brought](1, "shoal-images", most, Brought.close)
        self._folders: set[Path] = set()
        """Of those that are here; one thread brings them."""

    def bring(
        self,
        name: Hashable,
        results: ObjectStore,
        files: Collection[SummaryFile],
        bring: Callable[[Database], BrowsedAnswer],
    ) -> "Future[Brought]":
        """Begin to bring an answer here, unless it is here or on its way.

        Args:
            name: Of all that it is made of.
            results: The bucket that its files lie in.
            files: Those that it is made of.
            bring: Makes it in a session that reads these.

        Returns:
            It is cancelled where others were asked for meanwhile, and raises a ShoalError where it failed.
        """
        size_bytes = sum(file.bytes or 0 for file in files)
        return self._brought.begin(name, lambda progress: self._bring(results, files, bring, progress), size_bytes)[0]

    def close(self) -> None:
        """Let all of them go that are here."""
        self._brought.clear()

    def _bring(
        self,
        results: ObjectStore,
        files: Collection[SummaryFile],
        bring: Callable[[Database], BrowsedAnswer],
        progress: Progress,
    ) -> Brought:
        self._make_room(progress.total_bytes)
        try:
            with ExitStack() as stack:
                database = stack.enter_context(kept_session(self._kept, results, files, progress.tell, LIMITS))
                with stopped_after(database.connection, BRING_S):
                    answer = bring(database)
                shutil.rmtree(files_in(database.folder))  # others may need their room
                self._folders.add(database.folder)
                return Brought(answer, database, stack.pop_all())
        except duckdb.InterruptException as err:
            raise ConfigError(f"The tables of this answer were not here within {BRING_S:g} s: it is too large") from err
        raise AssertionError("nothing is held back")

    def _make_room(self, coming_bytes: int) -> None:
        """Let those go that were looked at longest ago, until there is room."""
        while sum(map(_bytes_of, self._folders)) + coming_bytes > MOST_BYTES:
            if not self._brought.let_go_oldest():
                break
        self._folders = {folder for folder in self._folders if folder.exists()}


def _bytes_of(folder: Path) -> int:
    with suppress(OSError):
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return 0
