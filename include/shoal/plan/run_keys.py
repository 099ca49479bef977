"""Whether the pods of a run get keys of its own, or the connections', and why; found out by asking for them and trying them."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from shoal.contract.errors import AccessDeniedError, ConfigError, NoRunKeyError, ShoalError, StoreError, one_line
from shoal.contract.job import ShardJob
from shoal.contract.layout import VariantLayout
from shoal.contract.minted_names import mint_attempt
from shoal.contract.run_rights import Rights, rights_of_run
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.stores.access import Access
from shoal.stores.kinds import open_store
from shoal.stores.object_store import ImageStore, ObjectStore

TRIED = b"{}"
"""What the note holds that a key of results writes, reads and deletes."""

_TOO_WIDE = "the store's token service makes keys that may do more than was asked for"


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

    Raises:
        ConfigError: There is none for a role whose connection says run_keys: required.
        StoreError: So it is, and there may be one later.
    """
    roles, why_not = [], []
    if not dataset.cluster.has_pods:
        return RunKeys()
    trial = _Trial(dataset, stores, job)
    for role, rights in rights_of_run(job, dataset.source.prefix, mounts=dataset.mounts).items():
        try:
            trial.of(role, rights)
        except ShoalError as err:
            why = one_line(err, 300)
            if stores.accesses()[role].run_keys_required:
                kind = StoreError if isinstance(err, StoreError) else ConfigError
                raise kind(
                    f"The connection of {role} says run_keys: required, and pods would get none of this run's own: {why}"
                ) from err
            why_not.append((role, why))
        else:
            roles.append(role)
    return RunKeys(tuple(roles), tuple(why_not))


@dataclass(frozen=True)
class _Trial:
    """Keys of a run that is being planned, tried where each is for.

    Attributes:
        refused: Why a login gets none: roles that share it do not ask again.
    """

    dataset: Dataset
    stores: Stores
    job: ShardJob
    refused: dict[Access, ShoalError] = field(default_factory=dict)

    def of(self, role: str, rights: Rights) -> None:
        """Try the key of a role.

        Raises:
            ShoalError: There is none, or it is not what was asked for.
        """
        store: ImageStore = getattr(self.stores, role)
        limited = open_store(self._key(role, store.access, rights), store.bucket)
        tries: dict[str, Callable[[ObjectStore, Rights], None]] = {
            "source": self._read_images, "models": self._read_models, "results": self._write_note
        }  # fmt: skip
        try:
            tries[role](limited, rights)
        except AccessDeniedError as err:
            raise NoRunKeyError(f"such a key is denied what the run does: {err}") from err
        if "" not in rights.names:
            _need_denied(lambda: next(iter(limited.list_objects("")), None))
            return
        # All of this bucket is the run's to read: what it may not do is to look at uploads, and into another bucket.
        _need_denied(lambda: next(iter(limited.list_unfinished_uploads("")), None))
        for other, key in ((self.stores.results, self.stores.layout.current), (self.stores.models, self.job.model_key)):
            if other.address == store.address and other.bucket != store.bucket:
                _need_denied(partial(open_store(limited.access, other.bucket).has, key))

    def _key(self, role: str, access: Access, rights: Rights) -> Access:
        if access in self.refused:
            raise self.refused[access]
        try:
            return self.stores.limit(role, rights, self.dataset)
        except NoRunKeyError:  # for what this role needs; nobody was asked
            raise
        except ShoalError as err:
            self.refused[access] = err
            raise

    def _read_images(self, limited: ObjectStore, rights: Rights) -> None:
        prefix = self.dataset.source.prefix
        shown = next(iter(limited.list_objects(prefix)), None)
        if shown is None or not limited.has(shown.key):
            raise NoRunKeyError(f"such a key is not shown the images below {prefix!r}")
        for folder in rights.folders:
            limited.look_into(folder, 1)

    def _read_models(self, limited: ObjectStore, rights: Rights) -> None:
        then = self.job.then_model
        for key in (self.job.model_key, *([then.key] if then else ())) if rights.read else ():
            if not limited.has(key):
                raise NoRunKeyError(f"such a key is not shown the model {key}")

    def _write_note(self, limited: ObjectStore, _rights: Rights) -> None:
        """Write, read and delete a note of what a worker tries, as one of this run does."""
        note = VariantLayout(self.job.variant_root).run(self.job.run_key).trying(0, mint_attempt())
        limited.write_bytes(note, TRIED)
        try:
            if limited.find_bytes(note) != TRIED:
                raise NoRunKeyError("such a key is not shown what it wrote")
            limited.delete([note])
        except ShoalError:
            with contextlib.suppress(ShoalError):
                self.stores.results.delete([note])
            raise


def _need_denied(ask: Callable[[], Any]) -> None:
    """Ask for what a key must not be given, by requests that write nothing.

    Raises:
        NoRunKeyError: It is given.
    """
    try:
        ask()
    except AccessDeniedError:
        return
    raise NoRunKeyError(_TOO_WIDE)


def _named(roles: Iterable[str]) -> str:
    return " and ".join(roles)
