"""The three buckets of a dataset, opened together and checked against each other."""

from collections.abc import Callable
from dataclasses import dataclass

from shoal.contract.errors import ConfigError
from shoal.contract.layout import DatasetLayout
from shoal.contract.run_rights import Rights
from shoal.settings.attempt_time import queue_of, work_of
from shoal.settings.checkout import embedded_root
from shoal.settings.dataset import Dataset
from shoal.settings.source import Source
from shoal.stores.access import Access, ReadAccess
from shoal.stores.folder_access import FolderAccess, lies_in
from shoal.stores.kinds import limit_access, open_store, write_env
from shoal.stores.object_store import ImageStore, ObjectStore
from shoal.stores.rclone_access import RcloneAccess
from shoal.stores.unreached import UnreachedStore


@dataclass(frozen=True)
class Stores:
    """Where a dataset's images, models and results are."""

    source: ImageStore
    models: ImageStore
    results: ObjectStore
    layout: DatasetLayout

    def accesses(self) -> dict[str, Access]:
        """Name the access of each role, as workers read it."""
        return {"source": self.source.access, "models": self.models.access, "results": self.results.access}

    def located_accesses(self) -> dict[str, Access]:
        """Name them for a pod, in which not everybody can ask a store for what nobody wrote down.

        Raises:
            StoreError: A store does not answer.
        """
        return {"source": self.source.located, "models": self.models.located, "results": self.results.located}

    def limit(self, role: str, rights: Rights, dataset: Dataset) -> Access:
        """Get a key of a run's own: one bucket's, for what an attempt needs of it and as long as it may take.

        Args:
            role: source, models or results.
            rights: What is needed.
            dataset: Says how long that may take.

        Raises:
            NoRunKeyError: There is none to be had; the message says why.
            ShoalError: Whoever gives keys refuses, or does not answer.
        """
        store: ImageStore = getattr(self, role)
        least = work_of(dataset)
        return limit_access(store.located, store.bucket, rights, least, least + queue_of(dataset.cluster))

    def worker_env(self) -> dict[str, str]:
        """Write the credentials as a worker's environment reads them."""
        return {
            name: value for role, access in self.accesses().items() for name, value in write_env(access, role).items()
        }


def open_stores(dataset: Dataset, read_access: ReadAccess) -> Stores:
    """Open a dataset's buckets; nothing is sent yet.

    Args:
        dataset: Names connections and buckets.
        read_access: Looks a connection id up.

    Raises:
        ConfigError: A connection is missing, or two of them reach the same place and results would lie among images.
    """
    source = open_source(dataset.source, read_access)
    models = open_store(read_access(dataset.models.conn_id), dataset.models.bucket)
    results = open_store(read_access(dataset.results.conn_id), dataset.results.bucket)
    stores = Stores(source, models, results, DatasetLayout(dataset.results.prefix, dataset.name))
    refuse_results_among_images(dataset, stores)
    return stores


def open_results(dataset: Dataset, read_access: ReadAccess) -> Stores:
    """Open a dataset of which only the results have to be there still: connections of the others may be gone.

    Args:
        dataset: Names connections and buckets.
        read_access: Looks a connection id up.

    Raises:
        ConfigError: The connection of the results is missing.
    """

    def open_if_there(open_it: Callable[[], ObjectStore], place: str) -> ImageStore:
        try:
            return open_it()
        except ConfigError as err:
            return UnreachedStore(place, err)

    source = open_if_there(lambda: open_source(dataset.source, read_access), dataset.source.place)
    models = open_if_there(
        lambda: open_store(read_access(dataset.models.conn_id), dataset.models.bucket), dataset.models.bucket
    )
    results = open_store(read_access(dataset.results.conn_id), dataset.results.bucket)
    layout = DatasetLayout(dataset.results.prefix, dataset.name)
    return Stores(source, models, results, layout)


def open_source(source: Source, read_access: ReadAccess) -> ObjectStore:
    """Open where a dataset's images are; nothing is sent yet.

    Args:
        source: Names a connection and a bucket, or a folder, which needs none.
        read_access: Looks a connection id up.

    Raises:
        ConfigError: The connection is missing, or of another kind.
    """
    if source.path:
        return open_store(FolderAccess(source.path, source.settle.total_seconds()), source.place)
    access = read_access(source.conn_id)
    if (access.kind == RcloneAccess.kind) != (source.kind == RcloneAccess.kind):
        raise ConfigError(
            f"Airflow connection {source.conn_id!r} is of kind {access.kind} and source.kind is {source.kind} - write kind: "
            "rclone into both, or into none"
        )
    return open_store(access, source.place)


def refuse_results_among_images(dataset: Dataset, stores: Stores) -> None:
    """Refuse buckets in which Shoal would write where the images are.

    Raises:
        ConfigError: They are such.
    """
    source, results, layout = stores.source, stores.results, stores.layout
    if dataset.source.path and (own := embedded_root()).is_dir() and lies_in(own, dataset.source.path):
        raise ConfigError(
            f"Shoal's own folder {own} lies in source.path {dataset.source.path} - it never writes among the images, name a "
            "folder beside it"
        )
    same_store = source.address is not None and source.address == results.address
    if same_store and source.bucket == results.bucket and layout.lies_among(dataset.source.prefix):
        raise ConfigError(
            f"Results in {layout.root!r} lie under the source prefix {dataset.source.prefix!r} of bucket "
            f"{source.bucket!r} - Shoal never writes among the images, choose another bucket or prefix"
        )
