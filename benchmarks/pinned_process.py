"""A process on one CPU whose speed is read off the lines it prints: `shard 0: 12/80 images`.

Both the bare loop and the worker are measured with this one ruler. The first and the last rows are left out: at the
start the worker has fetched nothing ahead, at the end nothing is left to fetch. Between these two moments as many
photos are fetched and decoded as are inferred, so the rate is the one of a shard of any size.
"""

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

LEFT_OUT = 8
"""Rows not measured at either end: what the worker has fetched and decoded ahead at most."""

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")

_PROGRESS = re.compile(r": (\d+)/(\d+) images")


@dataclass(frozen=True)
class Speed:
    """How fast one process was.

    Attributes:
        images_per_s: Images per second of wall time.
        cpu_s_per_image: Seconds of CPU time per image; a busy machine changes it less than the wall time.
        start_s: Seconds from the start of the process to its first image's end.
        whole_cpu_s: Seconds of CPU of the whole process, start-up included, up to the last image it told of.
    """

    images_per_s: float
    cpu_s_per_image: float
    start_s: float
    whole_cpu_s: float

    @property
    def cpu_share(self) -> float:
        """Share of its CPU the process got and used; less than 1 where it waited or others were running there."""
        return self.images_per_s * self.cpu_s_per_image


@dataclass(frozen=True)
class _Moment:
    """When an image was done: seconds of wall time, and of CPU time since the process began."""

    wall_s: float
    cpu_s: float


def run_pinned(command: Sequence[str], environment: Mapping[str, str], cpu: int) -> Speed:
    """Run a process on one CPU to its end.

    Raises:
        RuntimeError: It failed, or told of too few images.
    """
    started = time.perf_counter()
    inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    process = psutil.Popen(
        command,
        env={**inherited, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.sched_setaffinity(process.pid, {cpu})
    moments: dict[int, _Moment] = {}
    total, last = 0, ""
    for line in process.stdout:
        last = line.rstrip()
        progress = _PROGRESS.search(line)
        if progress:
            done, total = int(progress[1]), int(progress[2])
            if done not in moments:
                cpu_times = process.cpu_times()
                moments[done] = _Moment(time.perf_counter() - started, cpu_times.user + cpu_times.system)
    if process.wait() != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {last}")
    return _speed(moments, total)


def run_side_by_side(
    commands: Sequence[Sequence[str]], environment: Mapping[str, str], cpus: Sequence[int]
) -> list[Speed]:
    """Run processes at the same time, each on the next of `cpus`."""
    with ThreadPoolExecutor(len(commands)) as threads:
        pairs = zip(commands, cpus[: len(commands)], strict=True)
        running = [threads.submit(run_pinned, command, environment, cpu) for command, cpu in pairs]
        return [process.result() for process in running]


def _speed(moments: Mapping[int, _Moment], total: int) -> Speed:
    seen = sorted(done for done in moments if done > 0)
    measured = [done for done in seen if LEFT_OUT <= done <= total - LEFT_OUT]
    if len(measured) < 2:
        raise RuntimeError(f"Progress was told {len(seen)} times over {total} images - measure more images")
    first, last = measured[0], measured[-1]
    wall_s = moments[last].wall_s - moments[first].wall_s
    cpu_s = moments[last].cpu_s - moments[first].cpu_s
    return Speed((last - first) / wall_s, cpu_s / (last - first), moments[seen[0]].wall_s, moments[seen[-1]].cpu_s)
