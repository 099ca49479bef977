"""One verdict on how a worker ended, wherever it ran."""

import signal

from shoal.contract.errors import ConfigError, ShoalError, WorkerCrashError, WorkerError
from shoal.contract.exit_codes import CRASH_SIGNALS, WorkerExit

KEPT = "rows up to the last part are kept, the next attempt takes the rest"


def judge(who: str, code: int, *, signalled: int = 0, oom: str = "", last_line: str = "") -> ShoalError | None:
    """Judge an exit; None when the worker did its shard.

    Args:
        who: Where it ran, such as `shard 3` or `pod infer-x`.
        code: Its own exit code, where it ended by itself.
        signalled: The signal that ended it, a `signal.Signals` where its name is known; 0 for none.
        oom: What was said where it was killed for want of memory, with a way out; SIGKILL alone does not say who sent it.
        last_line: What the worker said last.

    Returns:
        ConfigError where a retry cannot help, WorkerCrashError where the worker may have been ended by one of its images,
        else WorkerError.
    """
    # What the worker says of itself comes first: something else in its container may have run out of memory.
    if code == WorkerExit.DONE:
        return None
    if code in {WorkerExit.CONFIG, WorkerExit.TOO_MANY_FAILED}:
        return ConfigError(f"{who[0].upper()}{who[1:]}: {last_line}")
    if code == WorkerExit.HELD:
        return WorkerCrashError(f"Worker of {who} gave up: {last_line}; {KEPT}", last_line.partition(": ")[0])
    if oom:
        return WorkerCrashError(f"Worker of {who} ran out of memory - {oom}; {KEPT}", "out of memory")
    if signalled:
        said = f" (last line: {last_line})" if last_line else ""
        name = getattr(signalled, "name", f"signal {signalled}")
        ended = f"Worker of {who} was killed by {name}{said} - {KEPT}"
        return (
            WorkerCrashError(ended, f"killed by {_name(signalled)}")
            if signalled in CRASH_SIGNALS
            else WorkerError(ended)
        )
    return WorkerError(f"Worker of {who} ended with exit code {code}: {last_line}")


def _name(signalled: int) -> str:
    """Name a signal in the same words wherever the worker ran."""
    return signal.Signals(signalled).name
