"""Comparisons for pages: made once in a thread of their own, from tables on this machine's disk, and kept for all who look."""

import logging
from collections.abc import Mapping
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotInTimeError
from dataclasses import replace

from shoal.answers.answer_cache import TABLES
from shoal.answers.awaited import Awaited, StillOpeningError
from shoal.answers.find import StoredRun
from shoal.answers.kept_files import KeptFiles
from shoal.answers.where import Where
from shoal.compare.comparison import Comparison, read_comparison
from shoal.contract.errors import NoAnswerError, ShoalError, StoreError
from shoal.settings.analysis import Taxon
from shoal.settings.taxa import digest_of
from shoal.stores.folder import FolderStore
from shoal.stores.object_store import ObjectStore
from shoal.tables.limits import limits_of
from shoal.tables.scratch import scratch_folder
from shoal.tables.session import Database

log = logging.getLogger(__name__)

MOST_KEPT = 24
"""Comparisons, those that were asked for last; each is bounded, whatever the archive."""

WAIT_S = 3.0


class KeptComparisons:
    """Makes comparisons, one at a time, and keeps them; thread-safe, one a process.

    Args:
        kept: Where tables are kept.
    """

    def __init__(self, kept: KeptFiles) -> None:
        self._kept = kept
        self._made = Awaited[Comparison](1, "shoal-compare", MOST_KEPT)

    def get(
        self,
        results: ObjectStore,
        runs: tuple[StoredRun, StoredRun],
        taxa: Mapping[str, Taxon],
        where: Where = Where(),  # noqa: B008 - frozen
        *,
        wait_s: float = WAIT_S,
    ) -> Comparison:
        """Give a comparison, made before or now; see `read_comparison`.

        Raises:
            StillOpeningError: It takes longer: ask again.
            ShoalError: The two cannot be compared, or others are before them.
        """
        of_runs = ((run.run_key, run.summary.result_sha256) for run in runs)
        key = (results.uri(""), *of_runs, digest_of(taxa), where)
        comparing, progress = self._made.begin(key, lambda _: self._compare(results, runs, taxa, where))
        try:
            return comparing.result(wait_s)
        except NotInTimeError:
            images = max(run.summary.examined for run in runs)
            raise StillOpeningError(
                f"Two answers of {images:,} images are compared once, for {progress.age_s:.0f} s now"
            ) from None
        except CancelledError:
            raise NoAnswerError(
                f"{MOST_KEPT} other comparisons were asked for meanwhile, and are made before this one - try again in a while"
            ) from None
        except ShoalError:
            raise
        except Exception as err:
            log.exception("Runs %s and %s could not be compared", *(run.run_key for run in runs))
            raise StoreError(f"The two could not be compared: {type(err).__name__}: {err}") from err

    def _compare(
        self, results: ObjectStore, runs: tuple[StoredRun, StoredRun], taxa: Mapping[str, Taxon], where: Where
    ) -> Comparison:
        here = [_of_here(run) for run in runs]
        files = list({file.key: file for run in here for file in run.summary.tables}.values())
        self._kept.make_folder()
        with scratch_folder(self._kept.folder) as folder:
            tables = folder / "answers"
            tables.mkdir()
            self._kept.take(results, files, tables)
            database = Database(FolderStore(tables), folder, limits_of(beside=1))
            try:
                return read_comparison(database, here[0], here[1], taxa, where)
            finally:
                database.connection.close()


def _of_here(run: StoredRun) -> StoredRun:
    """Take of a run's tables those that are kept."""
    return replace(
        run, summary=replace(run.summary, files=tuple(one for one in run.summary.tables if one.table in TABLES))
    )
