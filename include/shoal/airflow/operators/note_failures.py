"""Writes down, in the results bucket, why an attempt at a shard failed: `why` reads it there."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shoal.contract.errors import ConfigError, ContractError, ShoalError, one_line

if TYPE_CHECKING:
    from shoal.settings.dataset_stores import Stores

log = logging.getLogger(__name__)


@contextmanager
def noted_failures(
    find_stores: Callable[[], "Stores"],
    shard: Mapping[str, Any],
    try_number: int,
    pod: Mapping[str, str | None] | None = None,
) -> Iterator[None]:
    """Write a note about an error that ends an attempt, and let it pass.

    Args:
        find_stores: Opens the run's buckets.
        shard: One element of what the plan returned.
        try_number: Airflow's count of attempts.
        pod: Filled with `pod` and `node` by the time of the error, where there is a pod.
    """
    try:
        yield
    except ShoalError as err:
        try:
            _write(find_stores(), shard, try_number, err, pod or {})
        except ShoalError as trouble:
            log.warning("Why the attempt failed is not written to the results bucket: %s", trouble)
        raise


def _write(
    stores: "Stores",
    shard: Mapping[str, Any],
    try_number: int,
    err: ShoalError,
    pod: Mapping[str, str | None],
) -> None:
    from shoal.contract.units import utc_text  # noqa: PLC0415 - see the package's docstring
    from shoal.shards.failure_notes import FailedAttempt, write_failed_attempt  # noqa: PLC0415

    failed = FailedAttempt(
        shard=int(shard["shard"]),
        try_number=try_number,
        failed_at=utc_text(datetime.now(UTC)),
        error=one_line(err),
        retried=not isinstance(err, ConfigError | ContractError),
        pod=pod.get("pod"),
        node=pod.get("node"),
    )
    write_failed_attempt(stores.results, stores.layout.variant(shard["variant"]).run(shard["run_key"]), failed)
