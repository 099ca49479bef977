"""Files of answers on this machine's disk, by what they hash to: fetched once, and no more of them than a limit.

Several processes may share the folder: a file is there whole or not at all, and whoever reads one has a link to it of its own, so
that it may be taken away at any moment.
"""

import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Collection
from contextlib import suppress
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

TRIES = 3

_SHA256 = re.compile(r"[0-9a-f]{64}")

LONGEST_FETCH_S = 86_400.0
"""What was begun so long ago, and has no name of its own yet, was left by a process that was killed."""

_NEW = ".new"


class KeptFiles:
    """One folder of files.

    Args:
        folder: It is made where it is not there; nobody else may write to it.
        most_bytes: What all files may have together: those go first that were asked for longest ago.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self.most_bytes = most_bytes

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
        return [file for file in files if not self._path(file).exists()]

    def fetch(self, results: ObjectStore, files: Collection[SummaryFile], tell: Callable[[int], None]) -> None:
        """Fetch the files that are not here; each is compared with its hash.

        Args:
            results: Where they lie.
            files: All files of one answer that are wanted: none of them is taken away for another one.
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
        for file in self.missing(files):
            self._make_room(file.bytes or 0, files)
            self._fetch_one(results, file, files, tell)

    def take(
        self,
        results: ObjectStore,
        files: Collection[SummaryFile],
        folder: Path,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Make files readable below a folder by their keys, fetched where they are not here; see `fetch`."""
        for _ in range(TRIES):
            self.fetch(results, files, tell)
            with suppress(FileNotFoundError):  # another process took one away for its own
                return self._link(files, folder)
        raise self._too_large(sum(file.bytes or 0 for file in files))

    def _link(self, files: Collection[SummaryFile], folder: Path) -> None:
        now_s = time.time()
        for file in files:
            place, kept = folder / file.key, self._path(file)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            try:
                os.link(kept, place)
            except FileNotFoundError:
                raise
            except OSError:  # a file system without links
                shutil.copyfile(kept, place)
            with suppress(OSError):
                os.utime(kept, (now_s, now_s))

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
        self,
        results: ObjectStore,
        file: SummaryFile,
        beside: Collection[SummaryFile],
        tell: Callable[[int], None],
    ) -> None:
        new = self.folder / f"{secrets.token_hex(8)}{_NEW}"
        hashed = hashlib.sha256()
        try:
            size_bytes, pieces = results.stream(file.key)
            if file.bytes is None:  # of a release that did not write it down
                self._make_room(size_bytes, beside)
            with new.open("xb") as written:
                for piece in pieces:
                    hashed.update(piece)
                    written.write(piece)
                    tell(len(piece))
            if hashed.hexdigest() != file.sha256:
                raise ContractError(
                    f"{file.key} is not what the run wrote (it hashes to {hashed.hexdigest()[:16]}…) - restore it"
                )
            new.replace(self._path(file))
        except OSError as err:
            raise NoRoomError(
                f"Tables of answers cannot be kept in {self.folder} ({err.strerror}) - free some disk, or set {FOLDER_VARIABLE}"
            ) from err
        finally:
            new.unlink(missing_ok=True)

    def _make_room(self, wanted: int, beside: Collection[SummaryFile]) -> None:
        """Take files away until there is room, those first that were asked for longest ago.

        Raises:
            NoRoomError: There would not be enough.
        """
        own = {file.sha256 for file in beside}
        kept = []
        for entry in os.scandir(self.folder):
            with suppress(FileNotFoundError):  # another process takes it away
                found = entry.stat(follow_symlinks=False)
                if _SHA256.fullmatch(entry.name):
                    kept.append((found.st_mtime, found.st_size, entry.name))
                elif entry.name.endswith(_NEW) and time.time() - found.st_mtime > LONGEST_FETCH_S:
                    Path(entry.path).unlink(missing_ok=True)
        total = sum(size for _, size, _ in kept)
        for _, size, name in sorted(kept):
            if total + wanted <= self.most_bytes:
                return
            if name not in own:
                (self.folder / name).unlink(missing_ok=True)
                total -= size
        if total + wanted > self.most_bytes:
            raise self._too_large(total + wanted)

    def _too_large(self, wanted: int) -> NoRoomError:
        return NoRoomError(
            f"The tables of this answer take {size_text(wanted)}, and pages may keep {size_text(self.most_bytes)} of them in "
            f"{self.folder} - set {SIZE_VARIABLE} to more, or read them with shoal.open or python -m shoal show"
        )
