"""Asks the answer of a run for its pages: its tables from this machine's disk, in threads of their own, with a deadline."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from shoal.airflow.pages.kept import Seen
from shoal.airflow.pages.reading import KEPT, need_dataset
from shoal.airflow.pages.run_place import Place, find_home, find_run, label_of
from shoal.answers.answer_cache import AnswerCache
from shoal.answers.find import StoredRun, read_run
from shoal.answers.kept_files import KeptFiles
from shoal.answers.open_answer import OpenAnswer
from shoal.answers.where import Where
from shoal.compare.choose import choose_runs
from shoal.compare.comparison import Comparison
from shoal.compare.kept_comparisons import KeptComparisons
from shoal.contract.errors import NoAnswerError

T = TypeVar("T")

ANSWER_S = 30.0
"""For so long a run's summary is as it was read: it is counted anew only when somebody clears its last task."""

THREADS = 8
PATIENCE_S = 12.0
"""So long a person waits: for an answer that is opened, his turn, and what he asks."""


async def see_answer(dag_id: str, variant: str, run_key: str) -> Seen[tuple[Place, StoredRun]]:
    """Read a complete run of a DAG's dataset: its plan and its summary.

    Raises:
        ConfigError: There is no such run of it, or it has no answer that could be shown.
        ShoalError: It cannot be read, and was not before.
    """
    name = need_dataset(dag_id)

    def read() -> tuple[Place, StoredRun]:
        place, _ = find_run(dag_id, variant, run_key)
        return place, read_run(place.results, name, place.layout.variant(variant), run_key)

    return await KEPT.get(label_of(name), ("answer", dag_id, variant, run_key), read, fresh_s=ANSWER_S)


async def ask_answer(dag_id: str, variant: str, run_key: str, ask: Callable[[Place, StoredRun, OpenAnswer], T]) -> T:
    """Ask the tables of a run's answer something.

    Args:
        dag_id: Its DAG, which whoever asks may see.
        variant: Its variant's directory.
        run_key: The run.
        ask: Asks, in another thread: `with answer.session(where) as database`.

    Raises:
        StillOpeningError: The tables are being fetched: ask again; see `app`, which shows a page that does.
        ShoalError: They cannot be read, or not in time.
    """
    place, run = (await see_answer(dag_id, variant, run_key)).value

    def open_and_ask() -> T:
        return ask(place, run, answer_cache().open(place.results, run.summary))

    return await in_thread(open_and_ask, f"Run {run_key}")


async def see_comparison(
    name: str, words: tuple[str, str], where: Callable[[str], Where]
) -> tuple[tuple[StoredRun, StoredRun], Comparison]:
    """Compare two runs of a dataset.

    Args:
        name: The dataset.
        words: Run keys or versions of the model.
        where: Gives the part that is asked for, in the zone of the first one's days.

    Raises:
        StillOpeningError: They are being compared: ask again.
        ShoalError: There are no such runs, or they cannot be compared.
    """

    def read() -> tuple[Place, tuple[StoredRun, StoredRun]]:
        place, _ = find_home(name)
        return place, choose_runs(place.results, place.layout, words)

    place, runs = (await KEPT.get(label_of(name), ("compared", name, words), read, fresh_s=ANSWER_S)).value
    part = where(runs[0].plan.settings.report.zone)
    taxa = place.dataset.taxa if place.dataset else {}

    def make() -> Comparison:
        return comparisons().get(place.results, runs, taxa, part)

    return runs, await in_thread(make, "The comparison")


async def in_thread(ask: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """Do something that takes a while beside the event loop.

    Raises:
        NoAnswerError: It takes too long.
    """
    done = asyncio.get_running_loop().run_in_executor(_threads(), ask)
    try:
        return await asyncio.wait_for(asyncio.shield(done), patience_s)
    except TimeoutError:
        raise NoAnswerError(f"{what} was not read within {patience_s:g} s - too many ask at once: try again") from None


@cache
def answer_cache() -> AnswerCache:
    """Give the answers that are open in this process."""
    return AnswerCache(KeptFiles.of_environment())


@cache
def comparisons() -> KeptComparisons:
    """Give the comparisons that were made in this process."""
    return KeptComparisons(KeptFiles.of_environment())


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "shoal-ask")
