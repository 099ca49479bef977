"""Datasets and buckets as commands reach them: by Airflow's connections, or by serving the embedded folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from shoal.contract.errors import ConfigError
from shoal.dataset import DATASETS_VARIABLE, Dataset, dataset_files, datasets_folder, load_dataset
from shoal.embedded.home import CONN_ID, Home
from shoal.embedded.store import embedded_store
from shoal.stores import Stores, open_stores


def find_dataset(name: str) -> Dataset:
    """Read a dataset file by name.

    Raises:
        ConfigError: There is none, or it is broken.
    """
    home = Home.find()
    folders = [datasets_folder()]
    if DATASETS_VARIABLE not in os.environ and home.datasets.is_dir():
        folders.insert(0, home.datasets)
    files = {path.stem: path for folder in reversed(folders) for path in dataset_files(folder)}
    if name not in files:
        known = ", ".join(sorted(files)) or "none"
        raise ConfigError(f"No dataset {name!r} in {', '.join(map(str, folders))} - there are: {known}")
    return load_dataset(files[name])


@contextmanager
def reach_stores(dataset: Dataset) -> Iterator[Stores]:
    """Open a dataset's buckets for one command."""
    if dataset.results.conn_id != CONN_ID or f"AIRFLOW_CONN_{CONN_ID.upper()}" in os.environ:
        from shoal.hooks.object_store import read_access  # noqa: PLC0415 - Airflow takes seconds to import

        yield open_stores(dataset, read_access)
        return
    home = Home.find()
    home.make()
    with embedded_store(home.store, home.logs / "store.log") as access:
        yield open_stores(dataset, lambda _: access)
