"""How an attempt at a shard ends, and the limits that it keeps to until then."""

from dataclasses import dataclass

from shoal.contract.exit_codes import WorkerExit

STALL_S = 600.0
"""Nothing fetched for so long while nothing is decoded or inferred: a read hangs that no timeout ends, as on a dead mount."""

LAST_WRITE_PAUSES_S = (2.0, 4.0, 8.0, 16.0)
"""Waits before the last part is tried again: minutes of work are worth a restart of the store."""


@dataclass(frozen=True)
class Limits:
    """When a shard writes, speaks and ends.

    Attributes:
        budget_s: Seconds after the start at which no further image is begun.
        part_interval_s: Seconds between two parts.
        tolerated_failed_share: More `failed` than this share of the images ends the shard, see `FailedShare`.
        progress_interval_s: Seconds between two progress lines.
        last_write_pauses_s: Waits before the last part is tried again.
        stall_s: Seconds without anything fetched after which the source is taken for dead.
    """

    budget_s: float
    part_interval_s: float
    tolerated_failed_share: float
    progress_interval_s: float = 30.0
    last_write_pauses_s: tuple[float, ...] = LAST_WRITE_PAUSES_S
    stall_s: float = STALL_S


@dataclass(frozen=True)
class Ending:
    """How a worker ends.

    Attributes:
        exit: The exit code.
        reason: One line; empty when all is well.
    """

    exit: WorkerExit
    reason: str = ""
