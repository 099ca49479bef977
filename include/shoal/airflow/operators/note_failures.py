"""Writes down, in the results bucket, why an attempt at a shard failed: `why` reads it there."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from shoal.contract.errors import ConfigError, ContractError, ShoalError, one_line

log = logging.getLogger(__name__)


@contextmanager
def noted_failures(
    dataset: Mapping[str, Any], shard: Mapping[str, Any], try_number: int, pod: Mapping[str, str | None] | None = None
) -> Iterator[None]:
    """Write a note about an error that ends an attempt, and let it pass.

    Args:
        dataset: The dataset's settings, as the operator has them.
        shard: One element of what the plan returned.
        try_number: Airflow's count of attempts.
        pod: Filled with `pod` and `node` by the time of the error, where there is a pod.
    """
    try:
        yield
    except ShoalError as err:
        try:
            _write(dataset, shard, try_number, err, pod or {})
        except ShoalError as trouble:
            log.warning("Why the attempt failed is not written to the results bucket: %s", trouble)
        raise


def _write(
    dataset: Mapping[str, Any],
    shard: Mapping[str, Any],
    try_number: int,
    err: ShoalError,
    pod: Mapping[str, str | None],
) -> None:
    from shoal.airflow.hooks.object_store import read_access  # noqa: PLC0415
    from shoal.contract.units import utc_text  # noqa: PLC0415
    from shoal.settings.dataset import Dataset  # noqa: PLC0415 - see the package's docstring
    from shoal.settings.dataset_stores import open_stores  # noqa: PLC0415
    from shoal.shards.failure_notes import FailedAttempt, write_failed_attempt  # noqa: PLC0415

    stores = open_stores(Dataset.model_validate(dataset), read_access)
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
