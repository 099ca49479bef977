"""`shoal.open` of a dataset's name: its file says where its buckets are, Airflow's connections how they are reached."""

from contextlib import ExitStack
from pathlib import Path

from shoal.answers.find import find_run
from shoal.answers.opened import OpenedDataset
from shoal.cli._reach import find_dataset, reach_results
from shoal.contract.errors import ConfigError
from shoal.stores.folder import FolderStore


def open_by_name(name: str, run: str, images: str | Path | None, *, said: bool) -> OpenedDataset:
    """Open a dataset that has a file here; see `shoal.open`.

    Args:
        name: Of the dataset.
        run: Which of its runs.
        images: A folder with a copy of its images; None for the bucket that its file names.
        said: Whether somebody said how a store is reached, which connections say already.

    Raises:
        ConfigError: There is no such dataset, a connection is missing, or the run has no answer.
    """
    if said or str(images or "").startswith("s3://"):
        raise ConfigError(
            f"Dataset {name}: its file and Airflow's connections say how its buckets are reached - leave that out, or open "
            "s3://<bucket>/<prefix><dataset>; for a folder write ./<folder>"
        )
    with ExitStack() as stack:
        dataset = find_dataset(name)
        stores = stack.enter_context(reach_results(name, dataset))
        stored = find_run(stores.results, stores.layout, run)
        source = stores.source if images is None else FolderStore(Path(images))
        return OpenedDataset(stores.results, stores.layout, stored, source, stack=stack.pop_all(), taxa=dataset.taxa)
