"""Whether the pods of a run get keys of its own, or the connections', and why; found out by asking for them."""

from collections.abc import Iterable
from dataclasses import dataclass

from shoal.contract.errors import AccessDeniedError, NoRunKeyError, ShoalError, one_line
from shoal.contract.job import ShardJob
from shoal.contract.run_rights import Rights, rights_of_run
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.stores.object_store import open_store


@dataclass(frozen=True)
class RunKeys:
    """What pods log in with.

    Attributes:
        roles: Those of source, models and results for which they get a key of the run's own.
        why_not: Why they get the connection's, by role.
    """

    roles: tuple[str, ...] = ()
    why_not: tuple[tuple[str, str], ...] = ()

    def describe(self) -> list[str]:
        """Say both in a line each."""
        lines = []
        if self.roles:
            lines.append(
                f"pods get a key of this run's own for {_named(self.roles)}: it reads and writes what this run does, and ends"
            )
        for why in dict.fromkeys(why for _, why in self.why_not):
            roles = [role for role, reason in self.why_not if reason == why]
            lines.append(f"pods get the key of the connection for {_named(roles)}: {why}")
        return lines


def find_run_keys(dataset: Dataset, stores: Stores, job: ShardJob) -> RunKeys:
    """Ask for a key for each role, and look whether it may do what it must and may not do what it must not.

    Processes beside Airflow's own get the connections': what Airflow may read they may, too.

    Args:
        dataset: The dataset's settings.
        stores: Its buckets.
        job: What the workers are told.
    """
    roles, why_not = [], []
    if not dataset.cluster.has_pods:
        return RunKeys()
    for role, rights in rights_of_run(job, dataset.source.prefix, mounts=dataset.mounts).items():
        try:
            _try(stores, role, rights, dataset, job)
        except ShoalError as err:
            why_not.append((role, one_line(err, 300)))
        else:
            roles.append(role)
    return RunKeys(tuple(roles), tuple(why_not))


def _try(stores: Stores, role: str, rights: Rights, dataset: Dataset, job: ShardJob) -> None:
    bucket = getattr(stores, role).bucket
    limited = open_store(stores.limit(role, rights, dataset), bucket)
    if role == "models" and rights.read and not limited.has(job.model_key):
        raise NoRunKeyError(f"such a key is not shown the model {job.model_key}")
    if "" in rights.names:
        return
    try:
        next(iter(limited.list_objects("")), None)
    except AccessDeniedError:
        return
    raise NoRunKeyError("the store's token service makes keys that may do more than was asked for")


def _named(roles: Iterable[str]) -> str:
    return " and ".join(roles)
