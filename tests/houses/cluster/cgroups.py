"""The cgroup of one cluster: kubelet works below it, and it names every process that containerd ever started."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from shoal.contract.errors import ShoalError

ROOT = Path("/sys/fs/cgroup")
V2_CONTROLLERS = "+cpuset +cpu +io +memory +pids"
END_S = 20
LIMIT_TRIES, SPARE_BYTES = 20, 64 * 1024


def create(name: str) -> None:
    """Make the cgroup in every hierarchy, with a leaf `node` for the node's own programs."""
    if _is_v2():
        (ROOT / "cgroup.subtree_control").write_text(V2_CONTROLLERS)
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        if _is_v2():
            (group / "cgroup.subtree_control").write_text(V2_CONTROLLERS)
        if hierarchy.name == "cpuset":
            # Version 1 takes no process into a cpuset that names no CPU.
            for file in ("cpuset.cpus", "cpuset.mems"):
                (group / file).write_text((hierarchy / file).read_text())
    _leaf(name).parent.mkdir(exist_ok=True)


def enter_command(name: str) -> list[str]:
    """Prefix that makes a command and all its children processes of the cgroup."""
    return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(_leaf(name))]


def kill_all(name: str) -> None:
    """Kill every process of the cgroup: containers, their shims, containerd, kubelet."""
    deadline = time.monotonic() + END_S
    while left := pids(name):
        if time.monotonic() > deadline:
            raise ShoalError(f"Processes {sorted(left)} of cgroup {name} outlive SIGKILL for {END_S} s - see ps -l")
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def container_pids(name: str, container_id: str) -> set[int]:
    """List the processes of one container, by the id that its pod's status shows (`containerd://…`)."""
    wanted = container_id.removeprefix("containerd://")
    leaf = _leaf(name).parents[1]
    found: set[int] = set()
    for folder in _folders_of(leaf, wanted):
        with suppress(OSError):
            found.update(int(pid) for pid in (folder / "cgroup.procs").read_text().split())
    return found


def starve_of_memory(name: str, container_id: str) -> bool:
    """Take from a running container all memory it does not use yet, so that the kernel ends it when it asks for more.

    Returns:
        Whether the container was still there.
    """
    wanted = container_id.removeprefix("containerd://")
    hierarchy, used, limit = (
        (ROOT, "memory.current", "memory.max")
        if _is_v2()
        else (ROOT / "memory", "memory.usage_in_bytes", "memory.limit_in_bytes")
    )
    for folder in _folders_of(hierarchy / name, wanted):
        for _ in range(LIMIT_TRIES):
            # Version 1 takes no limit below what is used, which may have grown meanwhile.
            with suppress(OSError):
                (folder / limit).write_text(str(int((folder / used).read_text()) + SPARE_BYTES))
                return True
            time.sleep(0.05)
    return False


def _folders_of(root: Path, container: str) -> list[Path]:
    """Find a container's folders; os.walk passes over what goes meanwhile, rglob does not."""
    return [Path(folder) for folder, _, _ in os.walk(root) if Path(folder).name == container]


def pids(name: str) -> set[int]:
    """List every process of the cgroup."""
    found: set[int] = set()
    for hierarchy in _hierarchies():
        # os.walk passes over what goes meanwhile; rglob does not.
        for folder, _, _ in os.walk(hierarchy / name):
            with suppress(OSError):
                found.update(int(pid) for pid in Path(folder, "cgroup.procs").read_text().split())
    # 0 is a process of another pid namespace: not ours to see, and kill(0) would end ourselves.
    return found - {0}


def remove(name: str) -> None:
    """Remove the cgroup and all below it; nothing happens when there is none."""
    for hierarchy in _hierarchies():
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            Path(folder).rmdir()


def exists(name: str) -> bool:
    """Whether any hierarchy has the cgroup."""
    return any((hierarchy / name).exists() for hierarchy in _hierarchies())


def _is_v2() -> bool:
    return (ROOT / "cgroup.controllers").exists()


def _hierarchies() -> list[Path]:
    if _is_v2():
        return [ROOT]
    return sorted({path.resolve() for path in ROOT.iterdir() if (path / "cgroup.procs").exists()})


def _leaf(name: str) -> Path:
    return (ROOT if _is_v2() else ROOT / "pids") / name / "node/cgroup.procs"
