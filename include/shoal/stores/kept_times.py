"""How finely a mount keeps the times of files: two mounts of one share may tell different times of a file that nobody touched."""

import os
import re

STEPS_NS = {
    100: "100 ns",
    1_000: "1 µs",
    1_000_000: "1 ms",
    10_000_000: "10 ms",
    1_000_000_000: "1 s",
    2_000_000_000: "2 s",
}
"""CIFS and NTFS, then what servers and old disks do, exFAT, HFS+ and NFS 2, FAT."""

_VERSION = re.compile(r"file:(\d+)-(-?\d+)")


def file_version(found: os.stat_result) -> str:
    """Write what identifies the bytes of a file: its size and the time of its last change, which is all that a folder tells."""
    return f"file:{found.st_size}-{found.st_mtime_ns}"


def kept_in(listed: str, found: os.stat_result) -> str:
    """Say in which steps one of two mounts keeps times, where a file differs from its listed version by no more than that.

    One of both times is a whole number of such steps then, and the other lies less than one from it; a file that was written
    anew has a time of another minute. Empty where the file may have changed.
    """
    said = _VERSION.fullmatch(listed)
    if said is None or int(said[1]) != found.st_size:
        return ""
    there, here = int(said[2]), found.st_mtime_ns
    apart = abs(there - here)
    return next((step for ns, step in STEPS_NS.items() if 0 < apart < ns and (there % ns == 0 or here % ns == 0)), "")
