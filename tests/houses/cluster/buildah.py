"""buildah over a storage of the tests' own, beside the images in the cache: their layers make the next build quick.

An image is tagged there with the digest of its entry, so that builds of several checkouts do not take each other's.
"""

import fcntl
import subprocess
from contextlib import AbstractContextManager

from cluster.cache import IMAGES, lock
from shoal.contract.errors import ShoalError

ROOT, RUN_ROOT = IMAGES.folder / "storage", IMAGES.folder / "run"
REPOSITORY = "localhost/shoal-test"


def tag(name: str, digest: str) -> str:
    """Name an image in the storage."""
    return f"{REPOSITORY}/{name}:{digest}"


def is_stored(image: str) -> bool:
    """Whether the storage has an image of this tag."""
    asked = [*storage(), "images", "--quiet", image]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def storage_in_use() -> AbstractContextManager[None]:
    """Keep others from pruning meanwhile."""
    return lock(IMAGES, "storage", fcntl.LOCK_SH)


def prune() -> None:
    """Remove what broken builds left and images whose entry has left the cache, unless somebody builds just now."""
    try:
        with lock(IMAGES, "storage", fcntl.LOCK_EX | fcntl.LOCK_NB):
            run_logged("prune", *storage(), "rm", "--all")
            entries = {path.name.rpartition("-")[2] for path in IMAGES.folder.iterdir() if path.is_dir()}
            old = [image for image in _tagged() if image.rpartition(":")[2] not in entries]
            if old:
                run_logged("prune", *storage(), "rmi", *old)
            run_logged("prune", *storage(), "rmi", "--prune")
    except BlockingIOError:
        return  # that build will


def _tagged() -> list[str]:
    asked = [*storage(), "images", "--noheading", "--format", "{{.Name}}:{{.Tag}}"]
    listed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    return [image for image in listed if image.startswith(f"{REPOSITORY}/")]


def buildah(log_name: str, command: str, *arguments: str) -> None:
    """Run one command of buildah over the storage."""
    isolation = ["--isolation", "chroot"] if command == "build" else []
    run_logged(log_name, *storage(), command, *isolation, *arguments)


def storage() -> list[str]:
    """Begin every buildah command: all it stores is in this folder.

    Overlay cannot be stacked on another overlay, such as a container's root: there layers are copies.
    """
    IMAGES.folder.mkdir(parents=True, exist_ok=True)
    found = subprocess.run(["stat", "-f", "-c", "%T", IMAGES.folder], capture_output=True, text=True, check=True)
    driver = "vfs" if found.stdout.strip() == "overlayfs" else "overlay"
    return ["buildah", "--root", str(ROOT), "--runroot", str(RUN_ROOT), "--storage-driver", driver]


def run_logged(log_name: str, *command: str) -> None:
    """Run a command, its messages appended to a log.

    Raises:
        ShoalError: It failed; names the log.
    """
    path = IMAGES.folder / f"{log_name}.log"
    with path.open("ab") as messages:
        ended = subprocess.run(command, stdout=messages, stderr=messages, check=False)
    if ended.returncode != 0:
        raise ShoalError(f"{' '.join(command[:1])} of {log_name} ended with code {ended.returncode} - see {path}")
