"""Comparisons for pages: made once in a thread of their own, from tables on this machine's disk, and kept for all who look."""

from collections.abc import Mapping
from dataclasses import replace

from shoal.answers.answer_cache import TABLES
from shoal.answers.awaited import Awaited
from shoal.answers.find import StoredRun
from shoal.answers.kept_files import KeptFiles
from shoal.answers.kept_session import kept_session
from shoal.answers.where import Where
from shoal.compare.comparison import Comparison, read_comparison
from shoal.settings.analysis import Taxon
from shoal.settings.taxa import digest_of
from shoal.stores.object_store import ObjectStore

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
        images = max(run.summary.examined for run in runs)
        return self._made.give(
            key,
            lambda _: self._compare(results, runs, taxa, where),
            wait_s,
            lambda progress: f"Two answers of {images:,} images are compared once, for {progress.age_s:.0f} s now",
        )

    def _compare(
        self, results: ObjectStore, runs: tuple[StoredRun, StoredRun], taxa: Mapping[str, Taxon], where: Where
    ) -> Comparison:
        here = [_of_here(run) for run in runs]
        files = list({file.key: file for run in here for file in run.summary.tables}.values())
        with kept_session(self._kept, results, files) as database:
            return read_comparison(database, here[0], here[1], taxa, where)


def _of_here(run: StoredRun) -> StoredRun:
    """Take of a run's tables those that are kept."""
    return replace(
        run, summary=replace(run.summary, files=tuple(one for one in run.summary.tables if one.table in TABLES))
    )
