"""Datasets and buckets as commands reach them: by Airflow's connections, or by serving the embedded folder."""

import os
import re
from argparse import ArgumentParser
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shoal.cli._which_airflow import choose_airflow
from shoal.contract.errors import ConfigError, ShoalError, shown
from shoal.embedded.home import CONN_ID, Home
from shoal.embedded.processes.rclone import embedded_store
from shoal.settings.checkout import embedded_root, find_checkout
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import (
    AIRFLOW_VARIABLE,
    DATASETS_VARIABLE,
    dataset_files,
    datasets_folder,
    embedded_datasets,
    load_dataset,
)
from shoal.settings.dataset_stores import Stores, open_results, open_stores
from shoal.settings.results_place import ResultsPlace, is_place
from shoal.stores.access import Access, ReadAccess
from shoal.stores.kinds import open_store

OpenStores = Callable[[Dataset, ReadAccess], Stores]


def find_dataset(name: str, *, by_file: bool = False) -> Dataset:
    """Read a dataset file by name; where there is no file, the settings that lie at a place in a results bucket.

    Args:
        name: The dataset, or `s3://<connection>@<bucket>/<results.prefix><dataset>/`.
        by_file: Whether a file there must be: what is done looks at images or a model.

    Raises:
        ConfigError: There is none, or it is broken.
    """
    if is_place(name) and by_file:
        raise ConfigError(f"{shown(name)} is the place of results, and this needs the dataset's file - write its name")
    if is_place(name):
        return _find_stored(ResultsPlace.parse(name))
    files = list_datasets()
    if name not in files:
        known = ", ".join(sorted(files)) or "none"
        raise ConfigError(f"No dataset {name!r} in {_folder()} - {_elsewhere(name)}there are: {known}")
    return load_dataset(files[name])


def _find_stored(place: ResultsPlace) -> Dataset:
    """Read the settings of a dataset's latest plan."""
    from shoal.results.latest_plan import find_latest_plan  # noqa: PLC0415 - a dataset with a file has no need of it

    with _reading_connections({place.conn_id}, place.dataset) as read_access:
        results = open_store(read_access(place.conn_id), place.bucket)
        plan = find_latest_plan(results, place.layout)
    if plan is None:
        raise ConfigError(
            f"No run of a dataset lies at {place} - write s3://<connection>@<bucket>/<results.prefix><dataset>/"
        )
    return place.hold(plan.settings)


def list_datasets() -> dict[str, Path]:
    """List the dataset files of the one folder that commands and Airflow look into, by name."""
    return {path.stem: path for path in dataset_files(_folder())}


def add_dataset(parser: ArgumentParser, *, by_file: bool = False) -> None:
    """Describe the argument that names a dataset; shells complete it by the files there are."""
    gone = "; where that is gone, s3://<connection>@<bucket>/<prefix><dataset>/"
    argument = parser.add_argument(
        "dataset",
        metavar="DATASET",
        help=f"name of the dataset: its file without .yaml{'' if by_file else gone}",
    )
    argument.completer = _complete_dataset  # type: ignore[attr-defined]  # argcomplete looks for it


def _complete_dataset(**_: object) -> list[str]:
    with suppress(ShoalError):
        return sorted(list_datasets())
    return []


def _folder() -> Path:
    return datasets_folder(_configured)


def _configured() -> str:
    """Read what Airflow's configuration says, where it may say anything: Airflow takes seconds to import."""
    file = Path(os.environ.get("AIRFLOW_CONFIG") or Path(os.environ.get("AIRFLOW_HOME") or "~/airflow") / "airflow.cfg")
    try:
        said = re.search(
            r"(?m)^[ \t]*datasets_folder(_cmd|_secret)?[ \t]*[=:]", file.expanduser().read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        said = None
    if said is None and not any(f"{AIRFLOW_VARIABLE}{how}" in os.environ for how in ("_CMD", "_SECRET")):
        return ""
    return configured_name()


def configured_name() -> str:
    """Ask Airflow for the folder that its configuration names."""
    from shoal.airflow.configured import named_folder  # noqa: PLC0415 - Airflow takes seconds to import

    return named_folder()


def _elsewhere(name: str) -> str:
    """Say where a file of that name lies that nothing looks at."""
    folders = [
        embedded_datasets(embedded_root()),
        *([checkout / "include/datasets"] if (checkout := find_checkout()) else []),
    ]
    found = next((path for folder in folders for path in dataset_files(folder) if path.stem == name), None)
    return (
        "" if found is None else f"{found} is not looked at: copy it there, or set {DATASETS_VARIABLE}={found.parent}; "
    )


def look_into_airflow() -> None:
    """Let commands find connections as the Airflow that reads these dataset files does; to be called before it is imported."""
    try:
        folder = _folder()
    except ConfigError:  # nobody has written a dataset file yet, or the last one is gone
        folder = embedded_datasets(embedded_root())
    choose_airflow(folder)


@contextmanager
def reach_results(name: str, dataset: Dataset) -> Iterator[Stores]:
    """Open a dataset's buckets for a command that reads results: those of one without a file may be all that is left of it.

    Args:
        name: What the person wrote for the dataset.
        dataset: What was found for it.
    """
    with reach_stores(dataset, open_results if is_place(name) else open_stores) as stores:
        yield stores


@contextmanager
def reach_stores(dataset: Dataset, open_them: OpenStores = open_stores) -> Iterator[Stores]:
    """Open a dataset's buckets for one command, which may find the embedded folder read-only.

    Args:
        dataset: The dataset.
        open_them: What opens them, once it is known how connections are read.

    Raises:
        ConfigError: The buckets are embedded and were never made.
    """
    # A folder has no connection.
    named = {place.conn_id for place in (dataset.source, dataset.models, dataset.results)} - {""}
    with _reading_connections(named, dataset.name) as read_access:
        yield open_them(dataset, read_access)


@contextmanager
def reach_connection(conn_id: str, dataset: str) -> Iterator[Access]:
    """Look a connection up for a command that writes somewhere else than a dataset's buckets.

    Args:
        conn_id: Of the connection.
        dataset: Which dataset the command is about.
    """
    with _reading_connections({conn_id}, dataset) as read_access:
        yield read_access(conn_id)


@contextmanager
def _reading_connections(named: Collection[str], dataset: str) -> Iterator[ReadAccess]:
    """Tell how connections are read for one command: Airflow's, or the embedded store's, which is served meanwhile."""
    look_into_airflow()
    if CONN_ID not in named or f"AIRFLOW_CONN_{CONN_ID.upper()}" in os.environ:
        yield _read_access
        return
    home = Home.find()
    if not home.store.is_dir():
        raise ConfigError(f"Dataset {dataset!r} lies in the embedded store, and {home.store} is not there - make demo")
    log = home.logs / "store.log"
    with embedded_store(home.store, log if os.access(log, os.W_OK) else Path(os.devnull)) as access:
        yield lambda conn_id: access if conn_id == CONN_ID else _read_access(conn_id)


def _read_access(conn_id: str) -> Access:
    from shoal.airflow.hooks.object_store import read_access  # noqa: PLC0415 - Airflow takes seconds to import

    return read_access(conn_id)
