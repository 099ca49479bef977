"""What each page reads, by way of what is kept for all who look."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TypeVar

from shoal.airflow.bundled import say_broken
from shoal.airflow.configured import configured_datasets_folder
from shoal.airflow.pages.kept import Kept, Seen
from shoal.airflow.pages.run_place import Place, find_home, find_run, label_of, load_file
from shoal.airflow.pages.run_view import RunView, view_run
from shoal.contract.errors import ConfigError, ShoalError, StoreError
from shoal.contract.run_names import broken_dag_id, dataset_of
from shoal.history.digest import RunDigest, digest, digest_all, find_later, newest_by_month
from shoal.history.notes import Notes
from shoal.history.overview import Overview, read_overview
from shoal.history.seen_run import see_run
from shoal.results.answer import read_current
from shoal.results.run_list import list_run_folders
from shoal.settings.dataset_files import dataset_files

T = TypeVar("T")

OVERVIEW_S, RUN_S, TABLE_S = 10.0, 4.0, 15.0
"""For so long what was read is good enough for the next one who looks."""

ALONE_S = 30.0
"""So long one person waits for a plan, which may be megabytes, or for a report to begin."""

RUNS_A_PAGE = 50
MOST_LOOKED = 1000
"""Newest runs among which a Dag run's is looked for, and those of months."""

OLD_S = 600.0
"""For so long the line of a run is good enough that is none of the newest, where many are looked through."""

MONTHS_S = 4.0
"""So long the page of a dataset waits for its months: they come with a later look, and the lines of runs are kept."""

MOST_DIGESTS, MOST_LISTS = 20_000, 300

KEPT = Kept()
NOTES = Notes()


@dataclass(frozen=True)
class Home:
    """A dataset at a glance, and what is wrong with its file; empty where nothing is."""

    overview: Overview
    trouble: str


@dataclass(frozen=True)
class Row:
    """A dataset in the list of all: what was read, or why nothing was; one whose file never was good has no page."""

    name: str
    seen: Seen[Overview] | None
    trouble: str = ""
    is_broken: bool = False


@dataclass(frozen=True)
class RunsPage:
    """Some of a dataset's runs, the newest first, and the run_key that the next page begins before; None where there is none."""

    digests: tuple[RunDigest, ...]
    older: str | None


@dataclass(frozen=True)
class Months:
    """The newest run of each month of capture time, the newest month first, and why some may be missing; empty where none is."""

    newest: dict[str, RunDigest]
    missing: str = ""


NO_MONTHS = Months({})


@dataclass(frozen=True)
class NoRun:
    """A Dag run planned none of a dataset's newest runs: how many were looked through, and how many there are."""

    looked: int
    runs: int


async def see_all(names: Iterable[str]) -> list[Row]:
    """Look at datasets, all at once: whoever looks waits no longer than for one."""

    async def see_one(name: str) -> Row:
        try:
            seen = await see_dataset(name)
        except ShoalError as err:
            return Row(name, None, str(err))
        return Row(name, Seen(seen.value.overview, seen.read_at, seen.trouble), seen.value.trouble)

    return list(await asyncio.gather(*map(see_one, sorted(set(names)))))


async def see_dataset(name: str) -> Seen[Home]:
    """Look at a dataset.

    Raises:
        ShoalError: It cannot be looked at, and was not before.
    """

    def read() -> Home:
        place, trouble = find_home(name)
        return Home(read_overview(place.stores, place.dataset, NOTES, partial(_digest, place)), trouble)

    return await KEPT.get(label_of(name), ("dataset", name), read, fresh_s=OVERVIEW_S)


async def see_runs(name: str, before: str) -> Seen[RunsPage]:
    """Look at the runs of a dataset before one; before all where that is empty.

    Raises:
        ShoalError: They cannot be looked at, and were not before.
    """

    def read() -> RunsPage:
        place, _ = find_home(name)
        runs = list_run_folders(place.results, place.layout)
        chosen = sorted((run_key for run_key in runs if not before or run_key < before), reverse=True)
        shown = chosen[:RUNS_A_PAGE]
        digests = digest_all({run_key: runs[run_key] for run_key in shown}, partial(_digest, place))
        return RunsPage(tuple(digests), shown[-1] if len(chosen) > len(shown) else None)

    return await KEPT.get(label_of(name), ("runs", name, before), read, fresh_s=TABLE_S)


async def see_months(name: str) -> Months:
    """Look at the months of capture time that runs looked at; what takes too long is said, and comes with a later look."""

    def read() -> Months:
        place, _ = find_home(name)
        runs = runs_of(place)
        newest = newest_by_month(one for some in _look_through(place, runs) for one in some)
        is_part = bool(newest) and len(runs) > MOST_LOOKED
        return Months(newest, f"Of its newest {MOST_LOOKED:,} runs; it has {len(runs):,}." if is_part else "")

    try:
        return (await KEPT.get(label_of(name), ("months", name), read, fresh_s=TABLE_S, deadline_s=MONTHS_S)).value
    except StoreError as err:
        return Months({}, f"Not shown: {err}")


async def see_run_now(dag_id: str, variant: str, run_key: str) -> Seen[RunView]:
    """Look at a run.

    Raises:
        ConfigError: There is no such run of the DAG's dataset.
        ShoalError: It cannot be looked at, and was not before.
    """
    name = dataset_of(dag_id) or dag_id

    def read() -> RunView:
        place, _ = find_run(dag_id, variant, run_key)
        current = read_current(place.results, place.layout)
        later = _later(place, run_key, variant)
        current_run = current["run_key"] if current else None
        return view_run(
            dag_id, variant, see_run(place.stores, run_key, variant, NOTES, current=current_run, later=later)
        )

    return await KEPT.get(label_of(name), ("run", dag_id, variant, run_key), read, fresh_s=RUN_S)


async def find_of_dag_run(dag_id: str, run_id: str) -> tuple[str, str] | NoRun:
    """Find the newest run that a Dag run planned: its variant and run_key, or among how many there is none.

    Raises:
        ShoalError: It cannot be looked for.
    """
    name = need_dataset(dag_id)

    def read() -> tuple[str, str] | NoRun:
        place, _ = find_home(name)
        runs = runs_of(place, RUN_S)
        for some in _look_through(place, runs):
            for one in some:
                if (one.dag_id, one.run_id) == (dag_id, run_id):
                    return one.variant, one.run_key
        return NoRun(min(len(runs), MOST_LOOKED), len(runs))

    return (await KEPT.get(label_of(name), ("dag run", dag_id, run_id), read, fresh_s=RUN_S)).value


async def read_alone(dag_id: str, read: Callable[[], T]) -> T:
    """Read something for one person; it is not kept.

    Raises:
        ShoalError: It cannot be read.
    """
    mine = object()
    return (
        await KEPT.get(label_of(dataset_of(dag_id) or dag_id), mine, read, fresh_s=0.0, keep=False, deadline_s=ALONE_S)
    ).value


def broken_files(dag_ids: Collection[str]) -> list[tuple[str, str]]:
    """Name the dataset files that cannot be used, and why: those whose DAGs somebody may see, which stand in for them."""
    found, here = [], set()
    with suppress(ConfigError):  # nobody says where the files are
        for path in dataset_files(configured_datasets_folder()):
            here.add(broken_dag_id(path.stem))
            if broken_dag_id(path.stem) in dag_ids:
                try:
                    load_file(path)
                except ConfigError as err:
                    found.append((path.stem, str(err)))
    bundled = say_broken([one for one in dag_ids if one.startswith(broken_dag_id("")) and one not in here])
    return found + [(dag_id.removeprefix(broken_dag_id("")), said) for dag_id, said in sorted(bundled.items())]


def need_dataset(dag_id: str) -> str:
    """Name the dataset of a DAG.

    Raises:
        ConfigError: It is of none.
    """
    name = dataset_of(dag_id)
    if name is None:
        raise ConfigError(f"DAG {dag_id!r} is not of a dataset of Shoal's: there is nothing of it to show here")
    return name


def _later(place: Place, run_key: str, variant: str) -> str | None:
    mine, runs = _digest(place, run_key, variant), runs_of(place)
    return find_later(run_key, variant, mine.scope, runs, partial(_digest, place)) if mine.scope else None


def _look_through(place: Place, runs: Mapping[str, str]) -> Iterator[list[RunDigest]]:
    """Give the lines of runs, the newest first; whatever is asked for, one that is not new is read once in minutes."""
    newest = sorted(runs, reverse=True)[:MOST_LOOKED]
    for start in range(0, len(newest), RUNS_A_PAGE):
        some = {run_key: runs[run_key] for run_key in newest[start : start + RUNS_A_PAGE]}
        yield digest_all(some, partial(_digest, place, good_s=OLD_S if start else RUN_S))


def runs_of(place: Place, good_s: float = TABLE_S) -> dict[str, str]:
    """List a dataset's runs, as they were within the last seconds."""
    root, now_s = place.results.uri(place.layout.root), time.monotonic()
    with _LOCK:
        listed_s, runs = _RUNS.get(root, (float("-inf"), {}))
    if now_s - listed_s > good_s:
        runs = list_run_folders(place.results, place.layout)
        with _LOCK:
            # Lists of thousands of runs, of a hundred datasets: one that nobody would be told any more is let go.
            old = [one for one, (then_s, _) in _RUNS.items() if now_s - then_s > TABLE_S]
            for one in old if len(_RUNS) < MOST_LISTS else [*_RUNS]:
                del _RUNS[one]
            _RUNS[root] = (now_s, runs)
    return runs


_RUNS: dict[str, tuple[float, dict[str, str]]] = {}
_DIGESTS: OrderedDict[tuple[str, str, str], tuple[float, RunDigest]] = OrderedDict()
_LOCK = Lock()


def _digest(place: Place, run_key: str, variant: str, good_s: float = RUN_S) -> RunDigest:
    """Read a run's line, or tell it as it was within the last seconds; one that is over is read once."""
    key, now_s = (place.results.uri(place.layout.root), variant, run_key), time.monotonic()
    with _LOCK:
        if key in _DIGESTS:
            _DIGESTS.move_to_end(key)
            read_s, found = _DIGESTS[key]
            if found.is_over or now_s - read_s < good_s:
                return found
    found = digest(place.results, place.layout, run_key, variant)
    with _LOCK:
        _DIGESTS[key] = (now_s, found)
        _DIGESTS.move_to_end(key)
        while len(_DIGESTS) > MOST_DIGESTS:
            _DIGESTS.popitem(last=False)
    return found
