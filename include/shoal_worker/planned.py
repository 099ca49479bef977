"""Objects that the plan names, without which a worker cannot begin."""

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shoal.contract.errors import ConfigError, ContractError, StoreError, TooLargeError
from shoal.contract.model_files import REPLACED, ModelFile, check_file
from shoal.stores.object_store import ObjectStore


def count_images(plan: Mapping[str, Any]) -> dict[int, int]:
    """Read how many images a plan gives each shard.

    Raises:
        ContractError: It does not say.
    """
    try:
        found = {int(one["shard"]): int(one["images"]) for one in plan["shards"]}
    except (KeyError, TypeError, ValueError) as err:
        raise ContractError(f"plan.json holds no valid shards: {err} - plan the run again") from err
    if min(found.values(), default=0) < 0:
        raise ContractError("plan.json holds no valid shards: one has less than no image - plan the run again")
    return found


def download_planned(store: ObjectStore, key: str, path: Path, most: int) -> None:
    """Read a manifest into a file, piece by piece.

    Raises:
        ContractError: It is larger than `most` bytes, or not there.
        ConfigError: It may not be read.
        StoreError: The store did not answer as it should, or the disk has no room.
    """
    try:
        _download(store, key, path, most)
    except TooLargeError as err:
        raise ContractError(f"{err}, for as many images as plan.json names - plan the run again") from err


def download_model_file(store: ObjectStore, model_key: str, file: ModelFile, folder: Path) -> None:
    """Read a file that lies beside the model file, and check that it is the one the plan was made for.

    Args:
        store: The models' bucket.
        model_key: Key of the model file.
        file: What the plan says of this one.
        folder: Where it goes.

    Raises:
        ConfigError: It is another one now, is gone, or may not be read.
        StoreError: The store did not answer as it should, or the disk has no room.
    """
    key, path = f"{model_key.rpartition('/')[0]}/{file.name}", folder / file.name
    try:
        _download(store, key, path, file.size_bytes)
    except TooLargeError as err:
        raise ConfigError(
            f"Model {key} has more than the {file.size_bytes} bytes that the plan was made for - {REPLACED}"
        ) from err
    check_file(path, file.sha256, key)


def _download(store: ObjectStore, key: str, path: Path, most: int) -> None:
    try:
        store.download(key, path, most)
    except ConfigError as err:
        if isinstance(err.__cause__, OSError) and err.__cause__.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StoreError(str(err)) from err  # another node may have room
        raise


def read_planned(store: ObjectStore, key: str, most: int) -> bytes:
    """Read plan or model.

    Raises:
        ContractError: It is larger than `most` bytes.
        ConfigError: It is not there, or may not be read.
        StoreError: The store did not answer as it should.
    """
    data = store.find_bytes(key, most)
    if data is None:
        raise ConfigError(f"No object {key!r} in bucket {store.bucket!r} at {store.address} - plan the run again")
    return data
