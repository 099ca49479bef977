"""buildah over a storage of the tests' own: all images and their layers stay in `.shoal/cluster/images`."""

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.binaries import CHECKOUT
from shoal.contract.errors import ShoalError

FOLDER = CHECKOUT / ".shoal/cluster/images"
ROOT, RUN_ROOT = FOLDER / "storage", FOLDER / "run"


def prune() -> None:
    """Remove what earlier and broken builds left, unless somebody builds just now."""
    try:
        with lock("storage", fcntl.LOCK_EX | fcntl.LOCK_NB):
            run_logged("prune", *storage(), "rm", "--all")
            run_logged("prune", *storage(), "rmi", "--prune")
    except BlockingIOError:
        return  # that build will


def buildah(log_name: str, command: str, *arguments: str) -> None:
    """Run one command of buildah over the storage."""
    isolation = ["--isolation", "chroot"] if command == "build" else []
    run_logged(log_name, *storage(), command, *isolation, *arguments)


def storage() -> list[str]:
    """Begin every buildah command: all it stores is in this folder.

    Overlay cannot be stacked on another overlay, such as a container's root: there layers are copies.
    """
    found = subprocess.run(["stat", "-f", "-c", "%T", FOLDER], capture_output=True, text=True, check=True)
    driver = "vfs" if found.stdout.strip() == "overlayfs" else "overlay"
    return ["buildah", "--root", str(ROOT), "--runroot", str(RUN_ROOT), "--storage-driver", driver]


def run_logged(log_name: str, *command: str) -> None:
    """Run a command, its messages appended to a log.

    Raises:
        ShoalError: It failed; names the log.
    """
    path = FOLDER / f"{log_name}.log"
    with path.open("ab") as messages:
        ended = subprocess.run(command, stdout=messages, stderr=messages, check=False)
    if ended.returncode != 0:
        raise ShoalError(f"{' '.join(command[:1])} of {log_name} ended with code {ended.returncode} - see {path}")


@contextmanager
def lock(name: str, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Let two test runs share a build in place of disturbing each other."""
    with (FOLDER / f"{name}.lock").open("w") as file:
        fcntl.flock(file, how)
        yield
