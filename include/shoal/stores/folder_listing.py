"""A folder listed as a bucket is: its files by their paths, in the order of keys, whatever their number.

Names are read one directory at a time, so that memory grows with the largest directory and the depth, not with the folder.
"""

import errno
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from stat import S_ISDIR, S_ISREG

from shoal.contract.errors import ConfigError, StoreError, shown
from shoal.stores.kept_times import file_version
from shoal.stores.listed import FolderLevel, ListedObject

LINKS = "links"
NO_FILES = "neither files nor folders"
CLOSED = "not readable"
UNSETTLED = "just written"
"""Why something that lies there is not listed."""

_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What Python reads a byte of a name as that is no UTF-8."""

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.ENAMETOOLONG})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)
_FIRST = datetime(1, 1, 1, tzinfo=UTC)


def walk(root: str, prefix: str, settle_s: float, unlisted: Counter[str]) -> Iterator[ListedObject]:
    """List the files below a folder whose keys begin with a prefix, by the bytes of their keys. Links are not followed.

    Args:
        root: The folder.
        prefix: What keys begin with.
        settle_s: A file that was changed so few seconds ago, or that will be changed so soon by its own time, may not be whole.
        unlisted: Counts what lies there and is not listed, by why.

    Raises:
        ConfigError: There is no such folder, or it may not be read.
        StoreError: The disk or the share failed.
    """
    settle_ns, ground = int(settle_s * 1e9), _stands_on(root)
    names = _names(root, "", prefix, unlisted)
    if names is None:
        raise ConfigError(
            f"Folder {shown(root)} may not be read by this process (user {os.getuid()}) - give it the right"
        )
    folders = [("", "", iter(names))]
    while folders:
        folder, folder_key, rest = folders[-1]
        if (name := next(rest, None)) is None:
            folders.pop()
            continue
        path, key = folder + name, folder_key + shown_name(name)
        if name.endswith("/"):
            if below := _names(root, path, prefix, unlisted, key):
                folders.append((path, key, iter(below)))
        elif (found := _look(root, path, unlisted)) is not None:
            if abs(time.time_ns() - found.st_mtime_ns) < settle_ns:
                unlisted[UNSETTLED] += 1
            else:
                yield ListedObject(key, file_version(found), found.st_size, _moment(found.st_mtime_ns))
    if _stands_on(root) != ground:  # what was to follow would be taken for removed
        raise StoreError(
            f"Folder {shown(root)} was unmounted, or another one was mounted there, while it was listed - see which"
        )


def look_into(root: str, folder: str, settle_s: float, most: int, after: str) -> FolderLevel:
    """List one directory; what may not be looked into, or has a name that is no text, is left out.

    Args:
        root: The folder.
        folder: Key of the directory, ends with a slash; empty for the folder itself.
        settle_s: See `walk`.
        most: Files that are looked at.
        after: A key: files are listed that follow it.

    Raises:
        ConfigError: There is no such folder.
        StoreError: The disk or the share failed.
    """
    aside = Counter[str]()
    names = [name for name in _names(root, folder, "", aside) or () if name == shown_name(name)]
    files = [name for name in names if not name.endswith("/") and folder + name > after]
    objects = []
    for name in files[:most]:
        found = _look(root, folder + name, aside)
        if found is not None and abs(time.time_ns() - found.st_mtime_ns) >= int(settle_s * 1e9):
            objects.append(ListedObject(folder + name, file_version(found), found.st_size, _moment(found.st_mtime_ns)))
    return FolderLevel(tuple(folder + name for name in names if name.endswith("/")), objects, len(files) <= most)


def shown_name(name: str) -> str:
    """Write a name as part of a key; a byte that is no UTF-8 is shown as stores show it, see `images.NOT_TEXT`."""
    if name.isascii():
        return name
    return _NO_TEXT.sub(lambda byte: f"\ufffd%{ord(byte[0]) - 0xDC00:02X}", name)


def _names(root: str, folder: str, prefix: str, unlisted: Counter[str], folder_key: str = "") -> list[str] | None:
    """Name what lies in a folder, in the order of keys: folders end with a slash; None where it is closed, or gone."""
    names = []
    try:
        with os.scandir(f"{root}/{folder}" if folder else root) as entries:
            for entry in entries:
                if entry.is_symlink():
                    unlisted[LINKS] += 1
                elif entry.is_dir(follow_symlinks=False):
                    names.append(f"{entry.name}/")
                elif entry.is_file(follow_symlinks=False):
                    names.append(entry.name)
                else:
                    unlisted[NO_FILES] += 1
    except OSError as err:
        if folder and err.errno in _GONE:  # since it was named
            return None
        if err.errno in _CLOSED:
            unlisted[CLOSED] += bool(folder)
            return None
        raise _failed(root, folder, err) from err
    if prefix:
        names = [name for name in names if _leads(folder_key + shown_name(name), prefix)]
    names.sort(key=None if all(map(str.isascii, names)) else shown_name)
    return names


def _leads(key: str, prefix: str) -> bool:
    return key.startswith(prefix) or (key.endswith("/") and prefix.startswith(key))


def _stands_on(root: str) -> tuple[int, int]:
    try:
        found = os.stat(root)  # noqa: PTH116 - as scandir takes it
    except OSError as err:
        raise _failed(root, "", err) from err
    return found.st_dev, found.st_ino


def _look(root: str, path: str, unlisted: Counter[str]) -> os.stat_result | None:
    """Look at a file; None where it went since it was named, or nobody may look."""
    try:
        found = os.lstat(f"{root}/{path}")
    except OSError as err:
        if err.errno in _GONE:
            return None
        if err.errno in _CLOSED:
            unlisted[CLOSED] += 1
            return None
        raise _failed(root, path, err) from err
    if not S_ISREG(found.st_mode):
        unlisted[NO_FILES] += not S_ISDIR(found.st_mode)
        return None
    return found


def _failed(root: str, path: str, err: OSError) -> ConfigError | StoreError:
    if not path and err.errno in _GONE:
        return ConfigError(f"No folder {shown(root)} - correct source.path, or mount what should be there")
    where = shown(f"{root}/{path}", 200)
    return StoreError(f"Folder {where} cannot be listed ({err.strerror or err}) - look at its disk or its share")


def _moment(changed_ns: int) -> datetime:
    """Write a time of last change; file systems keep some that no calendar has."""
    try:
        moment = _EPOCH + timedelta(microseconds=changed_ns // 1000)
    except OverflowError:
        return _LAST if changed_ns > 0 else _FIRST
    return min(max(moment, _FIRST), _LAST)
