"""How a worker ends: its own exit codes, those of BSD's sysexits(3), and the signals of a crash."""

import signal
from enum import IntEnum

from shoal.contract.errors import ConfigError, ContractError


class WorkerExit(IntEnum):
    """Why a worker ended."""

    DONE = 0
    """Every image of the shard was tried, or the time budget was used up."""
    TOO_MANY_FAILED = 65
    """More images failed than the dataset tolerates; a retry would only repeat it."""
    INFRASTRUCTURE = 69
    """Store, mount or network failed for some images; they have no row and a retry takes them."""
    HELD = 70
    """One image was decoded or inferred for too long: it may be why, as in a crash. Its row, if it gets one, says so."""
    STOPPED = 75
    """Told to stop (SIGTERM, SIGINT): the part is written, the rest of the shard is open."""
    CONFIG = 78
    """Model, plan or credentials are wrong; a retry cannot help."""


def exit_of(err: Exception) -> WorkerExit:
    """Tell how a worker ends by an error: what is wrong with settings or stored objects no retry mends."""
    return WorkerExit.CONFIG if isinstance(err, ConfigError | ContractError) else WorkerExit.INFRASTRUCTURE


CRASH_SIGNALS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})
"""What a process brings upon itself. SIGKILL is not among them: it comes from outside, or for want of memory, and who
sent it says which."""
