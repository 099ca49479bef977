"""Which disks and shares a folder stands on: where they are mounted, as far as that tells whether one of them is away."""

import os
import re
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


def _all_mounted() -> list[str]:
    """List everything that is mounted; nothing where the system does not tell it so, and only the folder's own is known."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    places = [words[4] for line in lines if len(words := line.split(" ")) > 4]
    return [re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place) for place in places]
