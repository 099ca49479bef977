"""The most memory that a process has had.

Not `ru_maxrss`: Linux hands that of whoever starts a process on to it, and a benchmark holds a million rows itself.
"""

from pathlib import Path


def peak_bytes() -> int:
    """Read the peak of this process's resident memory, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [peak_kib] = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak_kib) * 1024
