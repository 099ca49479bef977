"""Files of answers on this machine's disk, by what they hash to: fetched once, and no more of them than a limit.

Several processes may share the folder: a file is there whole or not at all, and whoever reads one has a link to it of its own. A
file with such a link would free nothing, so it stays; the room of one that is on its way is taken from the beginning.
"""

import hashlib
import os
import re
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from tempfile import gettempdir

from shoal.contract.errors import ConfigError, ContractError, NoRoomError
from shoal.contract.units import read_size, size_text
from shoal.results.summary_files import SummaryFile
from shoal.stores.object_store import ObjectStore

FOLDER_VARIABLE = "SHOAL_ANSWER_CACHE"
"""Names the folder; in TMPDIR where nothing is said."""

SIZE_VARIABLE = "SHOAL_ANSWER_CACHE_SIZE"
"""What all files in it may have together, such as `20GiB`."""

MOST_BYTES = 8 * 1024**3
"""That, where nothing is said."""

_SHA256 = re.compile(r"[0-9a-f]{64}")

LONGEST_FETCH_S = 86_400.0
"""What was begun so long ago, and has no name of its own yet, was left by a process that was killed."""

_NEW = ".new"

_ROOM = threading.Lock()
"""Room is made and taken by one answer at a time: none takes away what another one of this process is about to link."""


class InUseError(NoRoomError):
    """There would be room, were it not for files that are read right now."""


class KeptFiles:
    """One folder of files.

    Args:
        folder: It is made where it is not there; nobody else may write to it.
        most_bytes: What all files may have together: those go first that were asked for longest ago.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self._give_back: Callable[[], bool] = lambda: False

    def ask_back(self, give_back: Callable[[], bool]) -> None:
        """Say how files that are read come free where others need their room.

        Args:
            give_back: Lets some of them go; says whether there were any.
        """
        self._give_back = give_back

    @classmethod
    def of_environment(cls) -> "KeptFiles":
        """Read which folder it is, and how much it may hold.

        Raises:
            ConfigError: The size is none.
        """
        folder = os.environ.get(FOLDER_VARIABLE) or str(Path(gettempdir()) / f"answers-of-shoal-{os.geteuid()}")
        size = os.environ.get(SIZE_VARIABLE)
        return cls(Path(folder).absolute(), read_size(size) if size else MOST_BYTES)

    def missing(self, files: Collection[SummaryFile]) -> list[SummaryFile]:
        """Name those files that are not here.

        Raises:
            ContractError: A summary names what is no hash.
        """
        return [file for file in files if not self._is_here(file)]

    def take(
        self,
        results: ObjectStore,
        files: Collection[SummaryFile],
        folder: Path,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Make files readable below a folder by their keys: those that are not here are fetched and compared with their hash.

        Args:
            results: Where they lie.
            files: All files of one answer that are wanted.
            folder: On the same disk as they are kept: as long as they are linked there, none of them is taken away.
            tell: Is told bytes as they come.

        Raises:
            ContractError: One is gone, or holds something else than when it was written.
            NoRoomError: They are more than the limit takes, or than the disk does.
            StoreError: The store does not answer.
        """
        self.make_folder()
        wanted = sum(file.bytes or 0 for file in files)
        if wanted > self.most_bytes:
            raise self._too_large(wanted)
        with ExitStack() as stack:
            while True:
                try:
                    coming = self._begin(files, folder, stack)
                    break
                except InUseError:
                    if not self._give_back():
                        raise
            for file, new in coming:
                if not self._is_linked(file, folder):  # another answer may have fetched it meanwhile
                    self._fetch_one(results, file, new, folder / file.key, tell)

    def _begin(self, files: Collection[SummaryFile], folder: Path, stack: ExitStack) -> list[tuple[SummaryFile, Path]]:
        """Link what is here, and take the room of what is not: all of it, or none."""
        with _ROOM:
            missing = [file for file in files if not self._is_linked(file, folder)]
            self._make_room(sum(file.bytes or 0 for file in missing))
            return [(file, self._new(file.bytes or 0, stack)) for file in missing]

    def _new(self, size_bytes: int, stack: ExitStack) -> Path:
        """Begin a file as large as it will be: who looks for room sees what it takes."""
        new = self.folder / f"{secrets.token_hex(8)}{_NEW}"
        stack.callback(new.unlink, missing_ok=True)
        try:
            with new.open("xb") as begun:
                begun.truncate(size_bytes)
        except OSError as err:
            raise self._full(err) from err
        return new

    def _is_linked(self, file: SummaryFile, folder: Path) -> bool:
        """Link a file that is here; say whether it was."""
        kept = self._path(file)
        try:
            if not self._is_here(file):
                return False
            _link(kept, folder / file.key)
        except FileNotFoundError:  # another process took it away for its own
            return False
        with suppress(OSError):
            os.utime(kept)
        return True

    def _is_here(self, file: SummaryFile) -> bool:
        """Whether a file is here, and as large as the run wrote it: a disk may have lost the end of one."""
        try:
            found = self._path(file).stat()
        except FileNotFoundError:
            return False
        return file.bytes is None or found.st_size == file.bytes

    def _path(self, file: SummaryFile) -> Path:
        if not _SHA256.fullmatch(file.sha256):
            raise ContractError(f"summary.json names no sha256 of {file.name} - restore it, or start a new run")
        return self.folder / file.sha256

    def make_folder(self) -> None:
        """Make the folder.

        Raises:
            ConfigError: It cannot be made, or is another user's.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.folder.lstat()
        except OSError as err:
            raise ConfigError(
                f"No folder {self.folder} for tables of answers ({err.strerror}) - set {FOLDER_VARIABLE}"
            ) from err
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise ConfigError(
                f"{self.folder} is another user's, who could change what pages read - set {FOLDER_VARIABLE}"
            )

    def _fetch_one(
        self, results: ObjectStore, file: SummaryFile, new: Path, place: Path, tell: Callable[[int], None]
    ) -> None:
        hashed = hashlib.sha256()
        try:
            size_bytes, pieces = results.stream(file.key)
            with closing(pieces):
                if file.bytes is None:  # of a release that did not write it down
                    with _ROOM:
                        self._make_room(size_bytes)
                        os.truncate(new, size_bytes)
                elif size_bytes != file.bytes:
                    raise ContractError(
                        f"{file.key} is not what the run wrote (it has {size_bytes:,} bytes and not {file.bytes:,}) - restore it"
                    )
                with new.open("r+b") as written:
                    for piece in pieces:
                        hashed.update(piece)
                        written.write(piece)
                        tell(len(piece))
                    written.flush()
                    os.fsync(written.fileno())  # a name that outlives a crash of the machine has its bytes, too
            if hashed.hexdigest() != file.sha256:
                raise ContractError(
                    f"{file.key} is not what the run wrote (it hashes to {hashed.hexdigest()[:16]}…) - restore it"
                )
            _link(new, place)  # first: at no moment is it here with nobody reading it
            new.replace(self._path(file))
        except OSError as err:
            raise self._full(err) from err

    def _make_room(self, wanted: int) -> None:
        """Take files away until there is room, those first that were asked for longest ago and that nobody reads.

        Raises:
            NoRoomError: There would not be enough.
            InUseError: There would be, were nothing read.
        """
        free_to_go, total, used = [], 0, 0
        for entry in os.scandir(self.folder):
            with suppress(FileNotFoundError):  # another process takes it away
                found = entry.stat(follow_symlinks=False)
                if entry.name.endswith(_NEW) and time.time() - found.st_mtime > LONGEST_FETCH_S:
                    Path(entry.path).unlink(missing_ok=True)
                elif entry.name.endswith(_NEW) or _SHA256.fullmatch(entry.name):
                    total += found.st_size
                    if entry.name.endswith(_NEW) or found.st_nlink > 1:
                        used += found.st_size
                    else:
                        free_to_go.append((found.st_mtime, found.st_size, entry.name))
        if used + wanted > self.most_bytes:
            raise self._too_large(wanted) if wanted > self.most_bytes else self._in_use(wanted, used)
        for _, size, name in sorted(free_to_go):
            if total + wanted <= self.most_bytes:
                return
            (self.folder / name).unlink(missing_ok=True)
            total -= size

    def _full(self, err: OSError) -> NoRoomError:
        return NoRoomError(
            f"Tables of answers cannot be kept in {self.folder} ({err.strerror}) - free some disk, or set {FOLDER_VARIABLE}"
        )

    def _in_use(self, wanted: int, used: int) -> InUseError:
        return InUseError(
            f"The tables of this answer take {size_text(wanted)} more, and {size_text(used)} of the "
            f"{size_text(self.most_bytes)} that pages may keep in {self.folder} are read right now - try again in a while, or "
            f"set {SIZE_VARIABLE} to more"
        )

    def _too_large(self, wanted: int) -> NoRoomError:
        return NoRoomError(
            f"The tables of this answer take {size_text(wanted)}, and pages may keep {size_text(self.most_bytes)} of them in "
            f"{self.folder} - set {SIZE_VARIABLE} to more, or read them with shoal.open or python -m shoal show RUN KEY"
        )


def _link(kept: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    try:
        os.link(kept, place)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(kept, place)
