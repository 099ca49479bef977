"""Scratch folders of sessions whose process was killed: what they held goes when the next one begins.

A folder is in use as long as a lock on a file in it is held, and the system lets go of a lock however its process ends. So
nothing is asked about processes, which containers that share a folder could not tell of each other.
"""

import errno
import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

PREFIX = "shoal-"
"""How the names of scratch folders begin."""

IN_USE = "in-use"
"""The file in a scratch folder that is locked while a session has the folder."""

_UNLOCKABLE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
"""Of file systems that know no locks: there nothing is taken away."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Lock a scratch folder for as long as it is used and taken away.

    The file gets its name when it is locked: nobody finds it before.
    """
    new = folder / f"{IN_USE}.new"
    lock = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
    """Take a folder away where nobody holds its lock.

    Raises:
        OSError: Somebody does, or it is no scratch folder.
    """
    lock = os.open(folder / IN_USE, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), os.lstat(folder / IN_USE)):
            shutil.rmtree(folder)
            log.info("%s was left by a process that was killed, and is taken away", folder)
    finally:
        os.close(lock)
