"""Where a run's plan, summary and report lie: where the dataset file says now, or where its runs wrote before that."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shoal.airflow.bundled import Bundled, find_bundled
from shoal.airflow.configured import configured_datasets_folder
from shoal.airflow.hooks.object_store import read_access
from shoal.airflow.open_runs import find_place
from shoal.contract.errors import ConfigError, ShoalError
from shoal.contract.layout import DatasetLayout
from shoal.contract.run_layout import RunLayout
from shoal.contract.run_names import dataset_of
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import dataset_files, load_dataset
from shoal.settings.dataset_stores import Stores, open_results
from shoal.settings.results_place import ResultsPlace
from shoal.stores.kinds import open_store
from shoal.stores.object_store import ObjectStore
from shoal.stores.unreached import UnreachedStore


@dataclass(frozen=True)
class Place:
    """A results bucket, and a dataset's folder in it.

    Attributes:
        results: The bucket.
        layout: The folder.
        stores: Both, and the dataset's other buckets as far as they can be reached.
        dataset: The dataset file's settings; None where there is none.
    """

    results: ObjectStore
    layout: DatasetLayout
    stores: Stores
    dataset: Dataset | None


def find_run(dag_id: str, variant: str, run_key: str) -> tuple[Place, RunLayout]:
    """Find the place of a run that has a plan or a summary.

    Args:
        dag_id: Its DAG.
        variant: Its variant's directory.
        run_key: The run.

    Raises:
        ConfigError: No such dataset, or it has no such run here.
        StoreError: The store does not answer.
    """
    name = dataset_of(dag_id)
    if name is None:
        raise ConfigError(f"DAG {dag_id!r} is not of a dataset")
    looked_at, failed = [], None
    for open_place in _places(name):
        try:
            place = open_place()
            run = place.layout.variant(variant).run(run_key)
            if place.results.has(run.plan) or place.results.has(run.summary):
                return place, run
        except ShoalError as err:
            # A file that is broken now, a connection or bucket that is not made yet: the other place may be well.
            failed = failed or err
        else:
            looked_at.append(place.results.uri(place.layout.root))
    if failed is not None:
        raise failed
    if not looked_at:
        raise ConfigError(f"No dataset file {name}.yaml in {configured_datasets_folder()}")
    raise ConfigError(
        f"Run {run_key} is not in {' nor in '.join(looked_at)}, where dataset {name} has its results - where they were "
        "moved since, it lies where they were: python -m shoal why s3://<connection>@<bucket>/<results.prefix>"
        f"{name}/{run_key}; else it was removed"
    )


def find_home(name: str) -> tuple[Place, str]:
    """Find the place where a dataset's results are now, and what is wrong with its file; empty where nothing is.

    Args:
        name: The dataset.

    Raises:
        ConfigError: It has no file, and no run of it wrote anywhere.
    """
    failed: ShoalError | None = None
    for open_place in _places(name):
        try:
            place = open_place()
        except ShoalError as err:
            failed = failed or err
        else:
            return place, "" if failed is None else str(failed)
    raise failed or ConfigError(f"No dataset file {name}.yaml in {configured_datasets_folder()}")


def label_of(name: str) -> str:
    """Name the store that a dataset's pages wait for; by the dataset, where it was never opened."""
    with _LOCK:
        return _LABELS.get(name, f"The results of dataset {name}")


def _places(name: str) -> Iterator[Callable[[], Place]]:
    """Give what opens the file's place, then that of the last run; each is looked at only when asked for."""
    path, opened = _file_of(name), list[ResultsPlace]()
    if path is not None:
        yield lambda: _of_file(path, opened)
    elif (bundled := _bundled(name)) is not None:
        yield lambda: _of_dag(bundled, opened)
    before = find_place(name)
    if before is not None and before not in opened:
        yield lambda: _of_place(before)


def _file_of(name: str) -> Path | None:
    with suppress(ConfigError):  # nobody says where the files are: all datasets may lie in DAG bundles
        return next((path for path in dataset_files(configured_datasets_folder()) if path.stem == name), None)
    return None


def _bundled(name: str) -> Bundled | None:
    """Ask Airflow's database for a dataset without a file here, or know what it said seconds ago."""
    now_s = time.monotonic()
    with _LOCK:
        known = _BUNDLED.get(name)
    if known is not None and now_s - known[0] < ASK_AGAIN_S:
        return known[1]
    found = find_bundled(name)
    with _LOCK:
        if len(_BUNDLED) > MOST_OPEN:
            _BUNDLED.clear()
        _BUNDLED[name] = (now_s, found)
    return found


def load_file(path: Path) -> Dataset:
    """Read a dataset file, or know it: a hundred of them are looked at whenever all datasets are shown.

    Raises:
        ConfigError: As `load_dataset` does.
    """
    now_s = time.monotonic()
    with suppress(OSError):
        status = path.stat()
        version = (status.st_mtime_ns, status.st_size)
        with _LOCK:
            known = _LOADED.get(path)
        if known is not None and known[0] == version and now_s - known[1] < OPEN_S:
            return known[2]
        dataset = load_dataset(path)
        with _LOCK:
            if len(_LOADED) > MOST_OPEN:
                _LOADED.clear()
            _LOADED[path] = (version, now_s, dataset)
        return dataset
    return load_dataset(path)  # which says what is wrong with it


def _of_file(path: Path, opened: list[ResultsPlace]) -> Place:
    dataset = load_file(path)
    place = ResultsPlace.of(dataset)
    opened.append(place)
    # Of a dataset only the results are read here: its images and models may be out of this machine's reach.
    return _kept((str(path), path.stat().st_mtime_ns), place, lambda: (open_results(dataset, read_access), dataset))


def _of_dag(bundled: Bundled, opened: list[ResultsPlace]) -> Place:
    dataset, place = bundled.dataset, ResultsPlace.of(bundled.dataset)
    opened.append(place)
    return _kept((bundled.version, 0), place, lambda: (open_results(dataset, read_access), dataset))


def _of_place(place: ResultsPlace) -> Place:
    def open_alone() -> tuple[Stores, None]:
        results = open_store(read_access(place.conn_id), place.bucket)
        nothing = UnreachedStore(
            place.bucket, ConfigError(f"Dataset {place.dataset} has no file: only its results are known")
        )
        return Stores(nothing, nothing, results, place.layout), None

    return _kept(("", 0), place, open_alone)


def _kept(version: tuple[str, int], place: ResultsPlace, open_it: Callable[[], tuple[Stores, Dataset | None]]) -> Place:
    """Give a store that is open: its connections are, too, and a hundred people look at once."""
    with _LOCK:
        found = _OPENED.get(str(place))
        if found is not None and found[0] == version and time.monotonic() - found[1] < OPEN_S:
            return found[2]
    stores, dataset = open_it()
    # The web interface's bounds of what is read, and of how long: it serves many at once.
    stores.results.json_times = 1
    for store in (stores.source, stores.models, stores.results):
        store.hurried = True
    made = Place(stores.results, stores.layout, stores, dataset)
    with _LOCK:
        if len(_OPENED) > MOST_OPEN:
            _OPENED.clear()
        _OPENED[str(place)] = (version, time.monotonic(), made)
        _LABELS[place.dataset] = f"Bucket {place.bucket!r}" + (
            f" at {stores.results.address}" if stores.results.address else ""
        )
    return made


OPEN_S = 60.0
"""A store is opened again after so long: its connection may have been changed."""

MOST_OPEN = 500

ASK_AGAIN_S = 20.0
"""So long what Airflow's database says of a dataset is known."""

_LOCK = threading.Lock()
_BUNDLED: dict[str, tuple[float, Bundled | None]] = {}
_OPENED: dict[str, tuple[tuple[str, int], float, Place]] = {}
_LABELS: dict[str, str] = {}
_LOADED: dict[Path, tuple[tuple[int, int], float, Dataset]] = {}
