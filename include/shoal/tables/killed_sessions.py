"""Scratch folders of sessions whose process was killed: what they held goes when the next one begins.

A folder is in use as long as a lock on a file in it is held, and the system lets go of a lock however its process ends. So
nothing is asked about processes, which containers that share a folder could not tell of each other. But a folder that several
machines share may have locks that each machine sees of its own processes only. So the file says where it was locked: what another
machine has, or one did that was started anew since, stays until nobody has touched it for a day.
"""

import errno
import fcntl
import logging
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

PREFIX = "shoal-"
"""How the names of scratch folders begin."""

IN_USE = "in-use"
"""The file in a scratch folder that is locked while a session has the folder."""

LONGEST_QUIET_S = 86_400.0
"""Seconds in which a session of another machine writes something."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_UNLOCKABLE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
"""Of file systems that know no locks: there nothing is taken away."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Lock a scratch folder for as long as it is used; whoever used it takes it away then, as another one may do meanwhile.

    The file gets its name when it is locked and says where: nobody finds it before.
    """
    new = folder / f"{IN_USE}.new"
    lock = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(lock, _this_machine())
            new.rename(folder / IN_USE)
        except OSError as err:
            if err.errno not in _UNLOCKABLE:
                raise
        yield
    finally:
        os.close(lock)


def sweep(parent: Path) -> None:
    """Take away the scratch folders in a folder whose sessions have ended without doing so."""
    try:
        folders = [Path(entry) for entry in os.scandir(parent) if entry.name.startswith(PREFIX) and _is_own(entry)]
    except OSError:  # who may write there need not be let look
        return
    for folder in folders:
        try:
            _take_away(folder)
        except OSError as err:  # it is in use, or goes right now
            log.debug("%s stays: %s", folder, err)


def _is_own(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a folder of this user's, not a link: others may lay what they like into a shared folder."""
    try:
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    except OSError:
        return False


def _take_away(folder: Path) -> None:
    """Take a folder away where nobody holds its lock, and no other machine may.

    Raises:
        OSError: Somebody does, or it is no scratch folder.
    """
    lock = os.open(folder / IN_USE, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_ours(lock) and time.time() - _touched_at(folder) < LONGEST_QUIET_S:
            return
        if os.path.samestat(os.fstat(lock), os.lstat(folder / IN_USE)):
            shutil.rmtree(folder)
            log.info("%s was left by a process that was killed, and is taken away", folder)
    finally:
        os.close(lock)


def _this_machine() -> bytes:
    """Name the machine as it runs now: its host name, and what the system calls this start of it, where it says so."""
    try:
        start = _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        start = ""
    return f"{socket.gethostname()} {start}\n".encode()


def _is_ours(lock: int) -> bool:
    """Whether a folder was locked by a process of this machine, whose locks we see; containers have host names of their own."""
    said, ours = os.read(lock, 1000).split(), _this_machine().split()
    return said[1:] == ours[1:] if len(ours) > 1 else said == ours


def _touched_at(folder: Path) -> float:
    """Say when something in a folder was written last, in seconds since 1970.

    Raises:
        OSError: A file goes right now.
    """
    return max(path.lstat().st_mtime for path in [folder, *folder.rglob("*")])
