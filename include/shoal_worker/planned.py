"""Objects that the plan names, without which a worker cannot begin."""

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shoal.contract.errors import ConfigError, ContractError, StoreError, TooLargeError
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
        store.download(key, path, most)
    except ConfigError as err:
        if isinstance(err.__cause__, OSError) and err.__cause__.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StoreError(str(err)) from err  # another node may have room
        raise
    except TooLargeError as err:
        raise ContractError(f"{err}, for as many images as plan.json names - plan the run again") from err


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
