"""Where a run's plan, summary and report lie: where the dataset file says now, or where its runs wrote before that."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shoal.airflow.configured import configured_datasets_folder
from shoal.airflow.hooks.object_store import read_access
from shoal.airflow.open_runs import find_place
from shoal.contract.errors import ConfigError, ShoalError
from shoal.contract.layout import DatasetLayout, RunLayout
from shoal.contract.run_names import dataset_of
from shoal.settings.dataset_files import dataset_files, load_dataset
from shoal.settings.dataset_stores import open_stores
from shoal.settings.results_place import ResultsPlace
from shoal.stores.object_store import ObjectStore, open_store


@dataclass(frozen=True)
class Place:
    """A results bucket, and a dataset's folder in it."""

    results: ObjectStore
    layout: DatasetLayout


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


def _places(name: str) -> Iterator[Callable[[], Place]]:
    """Give what opens the file's place, then that of the last run; each is looked at only when asked for."""
    path = next((path for path in dataset_files(configured_datasets_folder()) if path.stem == name), None)
    opened: list[ResultsPlace] = []
    if path is not None:
        yield lambda: _of_file(path, opened)
    before = find_place(name)
    if before is not None and before not in opened:
        yield lambda: _bounded(open_store(read_access(before.conn_id), before.bucket), before.layout)


def _of_file(path: Path, opened: list[ResultsPlace]) -> Place:
    dataset = load_dataset(path)
    opened.append(ResultsPlace.of(dataset))
    stores = open_stores(dataset, read_access)
    return _bounded(stores.results, stores.layout)


def _bounded(results: ObjectStore, layout: DatasetLayout) -> Place:
    """Take the web interface's bound of what is read: it serves many at once."""
    results.json_times = 1
    return Place(results, layout)
