"""`shoal.open`: finds a dataset's results in a bucket or a folder, by nothing but what is said and AWS's own variables."""

import re
from pathlib import Path
from typing import NoReturn

from shoal.answers.find import CURRENT, StoredRun, find_run
from shoal.answers.opened import OpenedDataset
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import DatasetLayout
from shoal.settings.dataset_stores import open_source
from shoal.stores.folder import FolderStore
from shoal.stores.kinds import open_store
from shoal.stores.object_store import ImageStore, ObjectStore
from shoal.stores.s3_access import StoreAccess
from shoal.stores.s3_environment import access_from_environment

_URI = re.compile(r"s3://(?P<bucket>[^/@]+)(?:/(?P<prefix>.*))?", re.DOTALL)


def open_place(
    place: str | Path,
    run: str = CURRENT,
    images: str | Path | None = None,
    *,
    endpoint_url: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
    anonymous: bool = False,
) -> OpenedDataset:
    """Open results that lie at a place; see `shoal.open`.

    Raises:
        ConfigError: Nothing of Shoal's lies there, or it cannot be reached.
        ContractError: A stored object is not what it must be.
        StoreError: The store does not answer.
    """
    found = _URI.fullmatch(str(place))
    if str(place).startswith("s3://") and found is None:
        raise ConfigError(
            f"Place {shown(str(place), 200)!r} not understood - write s3://<bucket>/<prefix><dataset>, or a folder"
        )
    access = None
    if found or str(images or "").startswith("s3://"):
        access = access_from_environment(endpoint_url, access_key, secret_key, anonymous=anonymous)
    store: ObjectStore
    if found and access:
        store, layout = _find_layout(open_store(access, found["bucket"]), (found["prefix"] or "").strip("/"))
    else:
        store, layout = _find_in_folder(Path(place).expanduser().absolute())
    stored = find_run(store, layout, run)
    return OpenedDataset(store, layout, stored, _open_images(stored, images, access))


def _find_in_folder(folder: Path) -> tuple[ObjectStore, DatasetLayout]:
    """Find the dataset in a folder: itself, or the only one below it; keys begin with the dataset's name."""
    FolderStore(folder)  # says what is wrong with it
    above = FolderStore(folder.parent)
    if _is_dataset(above, DatasetLayout("", folder.name)):
        return above, DatasetLayout("", folder.name)
    return _find_layout(FolderStore(folder), "")


def _find_layout(store: ObjectStore, prefix: str) -> tuple[ObjectStore, DatasetLayout]:
    """Find the dataset below a prefix: it ends with its name, or there is only one below."""
    if prefix:
        above, _, name = prefix.rpartition("/")
        layout = DatasetLayout(f"{above}/" if above else "", name)
        if _is_dataset(store, layout):
            return store, layout
    begins = f"{prefix}/" if prefix else ""
    there = [name for name in store.list_folders(begins) if store.has(DatasetLayout(begins, name).current)]
    if len(there) == 1:
        return store, DatasetLayout(begins, there[0])
    place = store.uri(begins)
    if there:
        raise ConfigError(
            f"{place} holds {len(there)} datasets ({', '.join(map(shown, there[:5]))}) - name one: {place}{there[0]}"
        )
    raise ConfigError(
        f"Nothing of Shoal's lies at {place} - name what holds current.json: <results bucket>/<prefix><dataset>"
    )


def _is_dataset(store: ObjectStore, layout: DatasetLayout) -> bool:
    return store.has(layout.current) or any(
        store.list_folders(variant.runs) for variant in layout.variants(store.list_folders(layout.root))
    )


def _open_images(run: StoredRun, images: str | Path | None, access: StoreAccess | None) -> ImageStore | None:
    """Open the bucket of the images: one that is named, else of the same store the one that the run looked at."""
    if images is not None and not str(images).startswith("s3://"):
        return FolderStore(Path(images))
    source = run.plan.settings.source
    if images is None and source.path:
        return open_source(source, _no_connection) if Path(source.path).is_dir() else None
    if access is None or (images is None and source.kind == "rclone"):  # its connection is Airflow's
        return None
    found = _URI.fullmatch(str(images)) if images is not None else None
    return open_store(access, found["bucket"] if found else source.bucket)


def _no_connection(conn_id: str) -> NoReturn:
    raise AssertionError(f"a folder has no connection, not even {conn_id!r}")
