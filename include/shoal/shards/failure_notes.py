"""Notes on attempts at a shard that failed: what a run's bucket tells when Airflow's logs are gone."""

from dataclasses import asdict, dataclass
from functools import partial

from shoal.contract.damaged_objects import DAMAGED_ATTEMPT
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.minted_names import mint_attempt
from shoal.contract.plain_keys import only_named
from shoal.contract.run_layout import RunLayout
from shoal.contract.stored_json import pick, reading
from shoal.contract.stored_names import is_failed_attempt
from shoal.stores.object_store import ObjectStore


@dataclass(frozen=True)
class FailedAttempt:
    """One attempt at one shard that failed.

    Attributes:
        shard: Number of the shard.
        try_number: Airflow's count of attempts at the task.
        failed_at: When that was seen, ISO 8601 UTC.
        error: Why, in one line with its way out.
        retried: Whether Airflow may try again: a wrong setting is not retried.
        pod: The pod; None where there was none.
        node: Its node; None where it had none.
    """

    shard: int
    try_number: int
    failed_at: str
    error: str
    retried: bool
    pod: str | None = None
    node: str | None = None


def write_failed_attempt(results: ObjectStore, run: RunLayout, failed: FailedAttempt) -> None:
    """Write a note; each has a key of its own."""
    note = {"format_version": FORMAT_VERSION, **asdict(failed)}
    results.write_json(run.failed_attempt(failed.shard, mint_attempt()), note)


def read_failed_attempts(results: ObjectStore, run: RunLayout) -> list[FailedAttempt]:
    """Read a run's notes, the first failure first."""
    keys = only_named(results.list_keys(run.attempts), run.attempts, partial(is_failed_attempt, run))
    found = []
    for key in keys:
        note = results.find_json(key)
        if note is not None:  # else gc was faster
            with reading(key, DAMAGED_ATTEMPT):
                found.append(pick(FailedAttempt, note))
    return sorted(found, key=lambda failed: (failed.failed_at, failed.shard))
