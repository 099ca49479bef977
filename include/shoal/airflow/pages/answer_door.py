"""Asks the answer of a run for its pages: its tables from this machine's disk, in threads of their own, with a deadline."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from shoal.airflow.pages.kept import Kept, Seen
from shoal.airflow.pages.reading import KEPT, need_dataset, runs_of
from shoal.airflow.pages.run_place import Place, find_home, find_run, label_of
from shoal.answers.answer_cache import AnswerCache
from shoal.answers.find import CURRENT, StoredRun, find_current, read_run
from shoal.answers.kept_files import KeptFiles
from shoal.answers.open_answer import OpenAnswer
from shoal.answers.where import Where
from shoal.compare.choose import need_two
from shoal.compare.comparison import Comparison
from shoal.compare.kept_comparisons import KeptComparisons
from shoal.contract.errors import ConfigError, NoAnswerError, shown
from shoal.contract.layout import VariantLayout
from shoal.contract.minted_names import RUN_KEY, is_time

T = TypeVar("T")

ANSWER_S = 30.0
"""For so long a run's summary is as it was read: it is counted anew only when somebody clears its last task."""

RUNS = Kept(threads=4, most=24)
"""Plans and summaries of runs that are looked into: those of a large one are megabytes."""

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

    return await RUNS.get(label_of(name), ("answer", dag_id, variant, run_key), read, fresh_s=ANSWER_S)


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
        words: Run keys, or `current` for the dataset's answer.
        where: Gives the part that is asked for, in the zone of the first one's days.

    Raises:
        StillOpeningError: They are being compared: ask again.
        ShoalError: There are no such runs, or they cannot be compared.
    """
    for word in words:
        _need_run(word)

    def find() -> tuple[Place, list[tuple[str, VariantLayout]]]:
        place, _ = find_home(name)
        return place, [_find(place, word) for word in words]

    # Nothing is kept by words that anybody may write, and what is read for each is little.
    place, found = (await KEPT.get(label_of(name), object(), find, fresh_s=0.0, keep=False)).value

    async def see(run_key: str, layout: VariantLayout) -> StoredRun:
        key = ("compared", place.results.uri(layout.root), run_key)
        return (
            await RUNS.get(
                label_of(name), key, lambda: read_run(place.results, name, layout, run_key), fresh_s=ANSWER_S
            )
        ).value

    first, second = await asyncio.gather(*(see(*one) for one in found))
    need_two(words, first.run_key, second.run_key)
    runs = first, second
    part = where(runs[0].plan.settings.report.zone)
    taxa = place.dataset.taxa if place.dataset else {}

    def make() -> Comparison:
        return comparisons().get(place.results, runs, taxa, part)

    return runs, await in_thread(make, "The comparison")


def _need_run(word: str) -> None:
    if word != CURRENT and not (re.fullmatch(RUN_KEY, word) and is_time(word)):
        raise ConfigError(
            f"{shown(word, 100)!r} is no run - choose one of the list, or write a run_key such as 20260601T020000Z-abcd1234, or "
            f"{CURRENT}; python -m shoal compare takes versions of the model, too"
        )


def _find(place: Place, word: str) -> tuple[str, VariantLayout]:
    if word == CURRENT:
        return find_current(place.results, place.layout)
    folder = runs_of(place).get(word) or runs_of(place, 0.0).get(word)  # it may be newer than the list that is kept
    if folder is None:
        raise ConfigError(
            f"No run {word} of dataset {place.layout.dataset} below {place.results.uri(place.layout.root)} - choose one of the "
            "list"
        )
    return word, place.layout.variant(folder)


async def in_thread(ask: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """Do something that takes a while beside the event loop.

    Raises:
        NoAnswerError: It takes too long.
    """
    done = asyncio.get_running_loop().run_in_executor(_threads(), ask)
    try:
        return await asyncio.wait_for(done, patience_s)  # which cancels it: what has not begun is not done any more
    except TimeoutError:
        raise NoAnswerError(f"{what} was not read within {patience_s:g} s - too many ask at once: try again") from None


@cache
def answer_cache() -> AnswerCache:
    """Give the answers that are open in this process."""
    return AnswerCache(kept_files())


@cache
def comparisons() -> KeptComparisons:
    """Give the comparisons that were made in this process."""
    return KeptComparisons(kept_files())


@cache
def kept_files() -> KeptFiles:
    """Give the files of answers that are kept on this machine, whichever page looks into them."""
    return KeptFiles.of_environment()


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "shoal-ask")
