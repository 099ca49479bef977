"""The keys that a shard's pod logs in with: of the run's own, where its plan says so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shoal.contract.errors import ConfigError, ShoalError, StoreError
from shoal.contract.job import ShardJob
from shoal.contract.run_rights import Rights, rights_of_run
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.stores.access import Access


@dataclass(frozen=True)
class OwnKeys:
    """What a pod needs of each bucket for which it gets a key of the run's own.

    Attributes:
        dataset: The dataset's settings, as the plan has them.
        rights: By role.
    """

    dataset: Dataset
    rights: Mapping[str, Rights]

    @classmethod
    def of(cls, dataset: Dataset, job: ShardJob, roles: Iterable[str]) -> "OwnKeys":
        """Take them from a plan."""
        needed = rights_of_run(job, dataset.source.prefix, mounts=dataset.mounts)
        return cls(dataset, {role: needed[role] for role in roles if role in needed})

    def make(self, stores: Stores) -> dict[str, Access]:
        """Name how a pod reaches each bucket, by keys that are made now: each attempt has its own.

        Raises:
            ConfigError: None is to be had any more; the connection's is not given in its place.
            StoreError: A store, or whoever gives keys, does not answer.
        """
        accesses = stores.located_accesses()
        for role, rights in self.rights.items():
            try:
                accesses[role] = stores.limit(role, rights, self.dataset)
            except ShoalError as err:
                said = f"The plan gives pods a key of the run's own for {role}, and none is to be had now: {err}"
                if isinstance(err, StoreError):
                    raise StoreError(said) from err
                raise ConfigError(f"{said}; once that is mended clear the shard, or start a new run") from err
        return accesses
