"""The folder a session spills to, and what to do where it, or the session's memory, is too small."""

import errno
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import duckdb

from shoal.contract.errors import ConfigError, NoRoomError, ShoalError, UnreadableError, first_line
from shoal.contract.units import size_text
from shoal.tables.killed_sessions import PREFIX, held, sweep
from shoal.tables.limits import THREAD_BYTES, Limits, read_memory_bytes

log = logging.getLogger(__name__)

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_FOLDER = (
    "Read-only file system", "Permission denied", "Failed to create directory", "Cannot open file", "Could not set lock",
)  # fmt: skip


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder that goes with its session, and take away those of sessions that were killed.

    Args:
        parent: Where; TMPDIR where nothing is said.

    Raises:
        ConfigError: It cannot be made, or a file that Python wrote there found no room.
    """
    parent = parent or Path(gettempdir())
    try:
        sweep(parent)
        made = TemporaryDirectory(prefix=PREFIX, dir=parent)
    except OSError as err:
        if err.errno in _NO_ROOM:
            raise _disk_full(parent, err.strerror or str(err)) from err
        raise ConfigError(f"No folder for temporary files: {err} - set TMPDIR to one that can be written") from err
    with made as name:
        folder = Path(name).resolve()  # SQL may reach it by the name that is told here only
        try:
            with held(folder):
                yield folder
        except OSError as err:
            if err.errno not in _NO_ROOM or not str(err.filename or folder).startswith(str(folder)):
                raise
            raise _disk_full(folder.parent, err.strerror or str(err)) from err


def warn_of_room(folder: Path, limits: Limits, needed_bytes: int, what: str) -> None:
    """Say in the log that a step may find too little disk, before it begins.

    Args:
        folder: The session's scratch folder.
        limits: What it may hold in memory.
        needed_bytes: About what the step holds, in memory or on disk, and writes.
        what: The step and its size, in words.
    """
    free = shutil.disk_usage(folder).free
    if needed_bytes - limits.memory_bytes > free:
        log.warning(
            "%s may take %s of disk in %s, where %s are free - free some or set TMPDIR to a larger one",
            what,
            size_text(needed_bytes - limits.memory_bytes),
            folder.parent,
            size_text(free),
        )


def out_of_room(err: duckdb.Error, folder: Path, limits: Limits) -> ShoalError:
    """Say what to set where DuckDB found too little memory or disk."""
    text = first_line(err)
    if "No space left" in str(err) or "max_temp_directory_size" in str(
        err
    ):  # DuckDB names the setting on a line of its own
        return _disk_full(folder.parent, text)
    if str(folder) in text and any(words in text for words in _NO_FOLDER):
        return NoRoomError(f"Nothing can be written in {folder.parent} ({text}) - set TMPDIR to a folder that can")
    if lacks_memory(err):
        return NoRoomError(
            f"{size_text(limits.memory_bytes)} of memory on {limits.threads} threads were not enough for DuckDB ({text}) - set "
            f"run.memory in the dataset file to more, such as {_more(limits)}, or run.threads to less; this process may use "
            f"{size_text(read_memory_bytes())}"
        )
    return UnreadableError(f"Reading or writing Parquet failed: {text} - see the store's log")


def lacks_memory(err: BaseException | None) -> bool:
    """Say whether DuckDB found too little memory: in a statement, or when a table of its own file was to be kept at its end."""
    if isinstance(err, duckdb.TransactionException):
        return any(words in str(err) for words in ("could not allocate", "failed to pin"))
    return isinstance(err, duckdb.OutOfMemoryException) and "max_temp_directory_size" not in str(err)


def _more(limits: Limits) -> str:
    wanted = max(2 * limits.memory_bytes, 2 * THREAD_BYTES * limits.threads)
    return size_text(wanted).replace(" ", "")


def _disk_full(folder: Path, text: str) -> NoRoomError:
    return NoRoomError(f"No room left in {folder} ({text}) - free some disk or set TMPDIR to a larger one")
