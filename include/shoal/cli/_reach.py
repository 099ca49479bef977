"""Datasets and buckets as commands reach them: by Airflow's connections, or by serving the embedded folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shoal.contract.errors import ConfigError
from shoal.embedded.home import CONN_ID, Home
from shoal.embedded.processes.rclone import embedded_store
from shoal.settings.checkout import find_checkout
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import dataset_files, datasets_folder, load_dataset, said_folder
from shoal.settings.dataset_stores import Stores, open_stores
from shoal.stores.object_store import ReadAccess

OpenStores = Callable[[Dataset, ReadAccess], Stores]


def find_dataset(name: str) -> Dataset:
    """Read a dataset file by name.

    Raises:
        ConfigError: There is none, or it is broken.
    """
    files = list_datasets()
    if name not in files:
        files = _configured_datasets() | files
    if name not in files:
        known = ", ".join(sorted(files)) or "none"
        raise ConfigError(f"No dataset {name!r} in {', '.join(map(str, _folders()))} - there are: {known}")
    return load_dataset(files[name])


def list_datasets() -> dict[str, Path]:
    """List the dataset files commands know, by name: those of the embedded folder come before the checkout's."""
    return {path.stem: path for folder in reversed(_folders()) for path in dataset_files(folder)}


def _configured_datasets() -> dict[str, Path]:
    """List the files of the folder that Airflow's configuration names, where an embedded folder stands before it."""
    if said_folder() is not None or find_checkout() is not None:
        return {}
    from shoal.airflow.configured import configured_datasets_folder  # noqa: PLC0415 - Airflow takes seconds to import

    with suppress(ConfigError):
        return {path.stem: path for path in dataset_files(configured_datasets_folder())}
    return {}


def _folders() -> list[Path]:
    if (said := said_folder()) is not None:
        return [said]
    embedded = [home.datasets] if (home := Home.find()).datasets.is_dir() else []
    if find_checkout() is not None:
        return [*embedded, datasets_folder()]
    if embedded:
        return embedded
    from shoal.airflow.configured import configured_datasets_folder  # noqa: PLC0415 - Airflow takes seconds to import

    return [configured_datasets_folder()]


def look_into_airflow() -> None:
    """Let commands find connections as Airflow's server does: by default only the environment is looked at, no database."""
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")


@contextmanager
def reach_stores(dataset: Dataset, open_them: OpenStores = open_stores) -> Iterator[Stores]:
    """Open a dataset's buckets for one command, which may find the embedded folder read-only.

    Args:
        dataset: The dataset.
        open_them: What opens them, once it is known how connections are read.

    Raises:
        ConfigError: The buckets are embedded and were never made.
    """
    if dataset.results.conn_id != CONN_ID or f"AIRFLOW_CONN_{CONN_ID.upper()}" in os.environ:
        look_into_airflow()
        from shoal.airflow.hooks.object_store import read_access  # noqa: PLC0415 - Airflow takes seconds to import

        yield open_them(dataset, read_access)
        return
    home = Home.find()
    if not home.store.is_dir():
        raise ConfigError(
            f"Dataset {dataset.name!r} lies in the embedded store, and {home.store} is not there - make demo"
        )
    log = home.logs / "store.log"
    with embedded_store(home.store, log if os.access(log, os.W_OK) else Path(os.devnull)) as access:
        yield open_them(dataset, lambda _: access)
