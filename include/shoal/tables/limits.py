"""What one DuckDB session may take: memory and threads, of the dataset file or a share of what the process may use."""

from dataclasses import dataclass

import psutil

from shoal.contract.cgroup import read_cores, read_memory_limit
from shoal.contract.units import read_size
from shoal.settings.dataset import Run
from shoal.settings.field_types import LEAST_MEMORY_BYTES

SHARE = 4
"""One part in so many of what the process may use: Python, the store's client and other tasks of the machine want theirs."""

MOST_MEMORY_BYTES = 448 << 20
"""Nobody takes more without being told: other tasks of the machine want theirs, and the whole process of a plan of 10,000,000
images keeps below 1 GB with it (docs/performance.md)."""

MANY_IMAGES = 4_000_000
MANY_MEMORY_BYTES = 4 * LEAST_MEMORY_BYTES
"""A summary, an export or a look for findings of so many images and more takes this where the process may use it:
some steps hold what grows with images."""

THREAD_BYTES = LEAST_MEMORY_BYTES // 2
"""What a further thread wants: its own buffers of what it reads, sorts and writes."""


@dataclass(frozen=True)
class Limits:
    """What a session may take.

    Attributes:
        memory_bytes: What it may hold before it spills.
        threads: How many work at once.
    """

    memory_bytes: int
    threads: int


def limits_of(run: Run | None = None, beside: int = 0, images: int = 0) -> Limits:
    """Read what a dataset file sets; what it leaves out is a share of what the process may use.

    Args:
        run: The dataset's `run`; None where a session is nobody's in particular.
        beside: Sessions that are open meanwhile: it has its part of the memory only, and no less than the least.
        images: Of the listing that is summarized or whose answer is read; 0 where nothing is.
    """
    memory = run.memory if run else None
    threads = run.threads if run else None
    if memory is not None:
        memory_bytes = read_size(memory)
    else:
        most = MANY_MEMORY_BYTES if images >= MANY_IMAGES else MOST_MEMORY_BYTES
        share = min(most, read_memory_bytes() // SHARE)
        wanted = min(THREAD_BYTES * (threads or 1), read_memory_bytes() // 2)  # more threads than memory is spilled for
        memory_bytes = max(LEAST_MEMORY_BYTES, share, wanted)
    if beside:
        memory_bytes = max(LEAST_MEMORY_BYTES, memory_bytes // (1 + beside))
        threads = min(threads or read_cores(), max(1, memory_bytes // THREAD_BYTES))
    return Limits(memory_bytes, threads or max(1, min(read_cores(), memory_bytes // THREAD_BYTES)))


def read_memory_bytes() -> int:
    """Read what this process may use: its container's limit, at most what the machine has."""
    machine, limit = int(psutil.virtual_memory().total), read_memory_limit()
    return machine if limit is None else min(machine, limit)
