"""What takes minutes to build and comes out the same each time: kept outside the checkout, by what it is made of.

`$SHOAL_TEST_CACHE`, else `~/.cache/shoal-tests`, holds an entry `<kind>/<name>-<digest>`, a folder, for all checkouts and
test runs of this machine. An entry is built under another name and appears whole or not at all.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

DIGEST_LENGTH = 16
ANY_DIGEST = "?" * DIGEST_LENGTH
UNUSED_S = 14 * 24 * 3600
"""An entry that nobody asked for so long goes when the next one is built."""
_SIZES = "sizes.json"


@dataclass(frozen=True)
class Kind:
    """What is kept of one kind of entry.

    Attributes:
        name: The folder.
        newest: Of each name, so many entries stay while they are used at all.
        in_use_s: One that was asked for since stays, whatever came after it: somebody may be running it.
    """

    name: str
    newest: int
    in_use_s: float

    @property
    def folder(self) -> Path:
        """Where its entries are."""
        return cache_folder() / self.name


BIN = Kind("bin", newest=3, in_use_s=7 * 24 * 3600)  # a cluster that is kept up starts them again
IMAGES = Kind("images", newest=2, in_use_s=2 * 3600)  # half a gigabyte each; read when a test run begins
DATABASES = Kind("databases", newest=2, in_use_s=2 * 3600)


def cache_folder() -> Path:
    """Locate the cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("SHOAL_TEST_CACHE") or Path(base, "shoal-tests")).absolute()


def built(
    kind: Kind, name: str, digest: str, build: Callable[[Path], None], usable: Callable[[], bool] = lambda: True
) -> Path:
    """Find an entry, or build it.

    Args:
        kind: BIN, IMAGES or DATABASES.
        name: What it is; every name has several entries.
        digest: Of all it is made of.
        build: Fills an empty folder.
        usable: Whether what belongs to the entry and lies elsewhere is there, too.

    Returns:
        The entry's folder.
    """
    entry = kind.folder / f"{name}-{digest}"
    if not (_take(kind, entry) and usable()):
        with lock(kind, name):
            if not (_take(kind, entry) and usable()):  # else another checkout has built it meanwhile
                began = time.monotonic()
                _build(kind, name, entry, build)
                log.info("built %s in %.0f s", name, time.monotonic() - began)
                prune(kind)
                return entry
    log.info("found %s in the cache", name)
    return entry


def is_built(kind: Kind, name: str, digest: str) -> bool:
    """Whether `built` would find an entry."""
    return is_whole(kind.folder / f"{name}-{digest}")


def is_whole(entry: Path) -> bool:
    """Whether an entry has all files that were built, each as long as it was."""
    try:
        sizes = json.loads((entry / _SIZES).read_text())
        return all((entry / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def prune(kind: Kind) -> None:
    """Remove what nobody uses any more."""
    now = time.time()
    with lock(kind, "entries"):
        by_name: dict[str, list[Path]] = {}
        for entry in kind.folder.glob(f"*-{ANY_DIGEST}"):
            if entry.is_dir() and not entry.name.startswith("."):
                by_name.setdefault(entry.name[: -DIGEST_LENGTH - 1], []).append(entry)
        for entries in by_name.values():
            entries.sort(key=_last_used, reverse=True)
            for rank, entry in enumerate(entries):
                unused_s = now - _last_used(entry)
                if unused_s > UNUSED_S or (rank >= kind.newest and unused_s > kind.in_use_s):
                    _remove(entry)


def digest_of(paths: Iterable[tuple[str, Path]], *words: str) -> str:
    """Identify what something is made of: named files, their modes, and words; the same in every checkout."""
    digest = hashlib.sha256("\0".join(words).encode())
    for name, path in paths:
        mode = path.stat().st_mode & 0o777
        digest.update(f"\0{name}\0{mode:o}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:DIGEST_LENGTH]


@contextmanager
def lock(kind: Kind, name: str, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Let test runs and checkouts share a build in place of disturbing each other."""
    kind.folder.mkdir(parents=True, exist_ok=True)
    with (kind.folder / f"{name}.lock").open("w") as file:
        fcntl.flock(file, how)
        yield


def _take(kind: Kind, entry: Path) -> bool:
    """Whether an entry can be used; it is in use from now on."""
    with lock(kind, "entries", fcntl.LOCK_SH):
        if not is_whole(entry):
            return False
        os.utime(entry)
        return True


def _build(kind: Kind, name: str, entry: Path, build: Callable[[Path], None]) -> None:
    for left in kind.folder.glob(f".{name}-{ANY_DIGEST}"):  # by a build that was killed
        shutil.rmtree(left)
    unfinished = kind.folder / f".{entry.name}"
    unfinished.mkdir()
    build(unfinished)
    files = [path for path in unfinished.rglob("*") if path.is_file()]
    for path in files:
        _flush(path)
    sizes = {str(path.relative_to(unfinished)): path.stat().st_size for path in files}
    (unfinished / _SIZES).write_text(json.dumps(sizes))
    _flush(unfinished / _SIZES)
    with lock(kind, "entries"):
        _remove(entry)
        unfinished.rename(entry)


def _remove(entry: Path) -> None:
    if entry.exists():
        shutil.rmtree(entry)


def _last_used(entry: Path) -> float:
    return entry.stat().st_mtime


def _flush(path: Path) -> None:
    """Bring a file to the disk: else its name may survive a crash of the machine, and its content not."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
