"""A Docker Engine of the tests' own: its socket, images, containers, bridges and firewall rules are in places of its own.

It runs in a network namespace with one leg in the test cluster's bridge, so pods reach published ports and containers
reach the API server; Docker's firewall rules never meet those of this machine.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster import cgroups
from cluster.binaries import CHECKOUT
from cluster.place import MAIN, Place
from cluster.processes import Processes
from shoal.contract.errors import ShoalError

FOLDER = CHECKOUT / ".shoal/compose"
NAME = f"{MAIN.name}-compose"
"""Names the network namespace and the cgroup."""
START_S = 180
PROGRAMS = {"dockerd": "docker.io", "containerd": "containerd", "docker": "docker.io", "iptables": "iptables"}


@dataclass(frozen=True)
class Engine:
    """A running engine.

    Attributes:
        socket: Its API.
        address: Where ports that are published to the outside are reached, from this machine and from pods.
    """

    socket: Path
    address: str

    @property
    def environment(self) -> dict[str, str]:
        """What docker and docker-compose have to know."""
        return {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "0"}

    def docker(self, *arguments: str) -> str:
        """Run a docker command; returns what it printed."""
        ran = subprocess.run(["docker", *arguments], env=self.environment, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise ShoalError(f"docker {' '.join(arguments)} ended with code {ran.returncode}: {ran.stderr.strip()}")
        return ran.stdout

    def load(self, archive: Path) -> None:
        """Bring an image in, unless it is there."""
        with tarfile.open(archive) as tar:
            image = json.load(tar.extractfile("manifest.json"))[0]
        found = subprocess.run(
            ["docker", "image", "inspect", "--format", "{{.Id}}", image["RepoTags"][0]],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if found.stdout.strip() != f"sha256:{image['Config'].removesuffix('.json')}":
            self.docker("load", "--input", str(archive))
            self.docker("image", "prune", "--force")


def missing_programs() -> list[str]:
    """Name the Debian packages without which no engine can be started."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return sorted({package for program, package in PROGRAMS.items() if shutil.which(program, path=path) is None})


@contextmanager
def running_engine(place: Place) -> Iterator[Engine]:
    """Start an engine beside the cluster of `place`, end it and all its containers afterwards; images stay."""
    processes = Processes(FOLDER)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test run's engine is left alone until it ends
        _end(processes)
        try:
            address = _make_namespace(place)
            socket = FOLDER / "docker.sock"
            cgroups.create(NAME)
            processes.start("dockerd", _command(socket))
            processes.wait_until("dockerd", lambda: _answers(socket), START_S)
            yield Engine(socket, address)
        finally:
            _end(processes)


def _command(socket: Path) -> list[str]:
    """Begin in the cgroup by which everything is found again, in namespaces with which network and mounts go."""
    places = [
        "--data-root",
        str(FOLDER / "data"),
        "--exec-root",
        str(FOLDER / "exec"),
        "--pidfile",
        str(FOLDER / "pid"),
    ]
    settings = ["--bridge=none", f"--cgroup-parent=/{NAME}", "--exec-opt=native.cgroupdriver=cgroupfs"]
    namespaces = ["nsenter", f"--net=/run/netns/{NAME}", "unshare", "--mount"]
    return [*cgroups.enter_command(NAME), *namespaces, "dockerd", "--host", f"unix://{socket}", *places, *settings]


def _answers(socket: Path) -> bool:
    command = ["docker", "--host", f"unix://{socket}", "version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _make_namespace(place: Place) -> str:
    """Make the network namespace; returns its address in the cluster's subnet."""
    address = place.engine_address
    inside = ["-n", NAME]
    _ip("netns", "add", NAME)
    _ip("link", "add", f"{place.name}-dock", "type", "veth", "peer", "name", "eth0", "netns", NAME)
    _ip("link", "set", f"{place.name}-dock", "master", place.name, "up")
    _ip(*inside, "link", "set", "lo", "up")
    _ip(*inside, "address", "add", f"{address}/{place.subnet.partition('/')[2]}", "dev", "eth0")
    _ip(*inside, "link", "set", "eth0", "up")
    _ip(*inside, "route", "add", "default", "via", place.address)
    return address


def _end(processes: Processes) -> None:
    """End the engine and what an engine that was killed has left running."""
    processes.stop("dockerd")
    cgroups.kill_all(NAME)
    cgroups.remove(NAME)
    if Path("/run/netns", NAME).exists():
        _ip("netns", "delete", NAME)  # its end of the cable goes with it, and so does the other one


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
