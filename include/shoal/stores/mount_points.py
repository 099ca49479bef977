"""Which disks and shares a folder stands on: where they are mounted, as far as that tells whether one of them is away."""

import os
import re
from collections.abc import Collection
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""Linux' list; the fifth word of a line is where something is mounted."""


def mount_points(folder: str) -> tuple[str, ...]:
    """Name the mount point that holds a folder, and those below it, sorted.

    Names stay from boot to boot and from machine to machine, as numbers of devices do not.
    """
    real = os.path.realpath(folder)
    holds = real
    while not os.path.ismount(holds):
        holds = os.path.dirname(holds)  # noqa: PTH120 - of text, as realpath gives it
    below = (place for place in _all_mounted() if place.startswith(f"{real}/"))
    return tuple(sorted({holds, *below}))


def find_away(before: Collection[str], folder: str, key: str) -> str | None:
    """Name what was mounted above a file of a folder and is not any more; None where all of it is.

    What is mounted elsewhere says nothing of this file: some mounts go when nobody uses them, and come back with whoever does.

    Args:
        before: What the folder stood on.
        folder: The folder.
        key: The file's path in it.
    """
    path, now = f"{os.path.realpath(folder)}/{key}", mount_points(folder)
    return next((place for place in before if path.startswith(f"{place}/") and place not in now), None)


def _all_mounted() -> list[str]:
    """List everything that is mounted; nothing where the system does not tell it so, and only the folder's own is known."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    places = [words[4] for line in lines if len(words := line.split(" ")) > 4]
    return [re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place) for place in places]
