"""Objects that the plan names, without which a worker cannot begin."""

from shoal.contract.errors import ConfigError
from shoal.stores.object_store import ObjectStore


def read_planned(store: ObjectStore, key: str, most: int | None = None) -> bytes:
    """Read plan, manifest or model, of `most` bytes where that is said.

    Raises:
        ContractError: It is larger.
        ConfigError: It is not there, or may not be read.
        StoreError: The store did not answer as it should.
    """
    data = store.find_bytes(key, most)
    if data is None:
        raise ConfigError(f"No object {key!r} in bucket {store.bucket!r} at {store.address} - plan the run again")
    return data
