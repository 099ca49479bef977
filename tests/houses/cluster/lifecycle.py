"""Up and down: a running cluster is left alone, anything less than that is taken down and started anew."""

import fcntl
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from kubernetes import client, config
from urllib3.exceptions import HTTPError

from cluster import cgroups
from cluster.binaries import debian_program, missing_requirements
from cluster.control_plane import start_control_plane
from cluster.network import bridge_exists, create_bridge, remove_bridge
from cluster.node import in_node, make_node, start_kubelet
from cluster.object_store import add_reader, start_object_store
from cluster.pause_image import write_pause_image
from cluster.place import NODE, Place
from cluster.processes import Processes
from cluster.state import State
from shoal.contract.errors import ConfigError, ShoalError

PROGRAMS = ("etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "containerd", "kubelet", "minio")
NODE_READY_S = 300
RECOVERS_S = 300


def up(place: Place, images: Mapping[str, Path]) -> State:
    """Start the cluster unless it runs, and import the images that changed; it stays until `down`.

    Args:
        place: Where it lives.
        images: Docker-archives for its node, by image reference.

    Raises:
        ConfigError: This machine cannot run one; says what is missing.
        ShoalError: A program did not start; names its log.
    """
    with _exclusive(place):
        return _up(place, images, keep=True)


@contextmanager
def in_use(place: Place, images: Mapping[str, Path]) -> Iterator[State]:
    """Use the running cluster, or one that ends with the last of its users.

    Args:
        place: Where it lives.
        images: See `up`.

    Raises:
        ConfigError: See `up`.
        ShoalError: See `up`.
    """
    with _users_file(place) as users:
        with _exclusive(place):
            state = _up(place, images, keep=False)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield state
        finally:
            with _exclusive(place):
                fcntl.flock(users, fcntl.LOCK_UN)
                now = State.read(_state_file(place))
                if now is not None and not now.keep and not _is_used(place):
                    _down(place)


def down(place: Place) -> None:
    """End the cluster, however much of it is there; only its logs stay."""
    with _exclusive(place):
        _down(place)


def not_running(place: Place) -> list[str]:
    """List what a cluster needs and does not have now; empty when it is up."""
    processes = Processes(place.folder)
    missing = [name for name in PROGRAMS if processes.find(name) is None]
    if not missing and not _node_ready(place.folder / "admin.kubeconfig"):
        missing.append(f"node {NODE} Ready")
    return missing


def left_behind(place: Place) -> list[str]:
    """List what of a cluster is on this machine: processes, mounts, bridge, cgroup; empty after `down`."""
    processes = Processes(place.folder)
    left = [f"process {name}" for name in processes.names() if processes.find(name)]
    mounts = Path("/proc/mounts").read_text().splitlines()
    left += [f"mount {line}" for line in mounts if str(place.folder) in line]
    if bridge_exists(place):
        left.append(f"bridge {place.name}")
    if cgroups.exists(place.name):
        left.append(f"cgroup {place.name}")
    return left


def _up(place: Place, images: Mapping[str, Path], *, keep: bool) -> State:
    state = State.read(_state_file(place))
    if state is None or (not_running(place) and not _recovers(place)):
        _down(place)
        try:
            state = _start(place, keep=keep)
        except BaseException:
            _down(place)
            raise
    state = replace(state, keep=keep or state.keep, images=_import_changed(place, images, state.images))
    state.write(_state_file(place))
    return state


def _recovers(place: Place) -> bool:
    """Wait for a cluster that others use: a fault test may have killed a part of it and will bring it back.

    Raises:
        ShoalError: It stays broken, and is not ours to take down.
    """
    deadline = time.monotonic() + RECOVERS_S
    while _is_used(place):
        missing = not_running(place)
        if not missing:
            return True
        if time.monotonic() > deadline:
            raise ShoalError(
                f"The cluster lacks {', '.join(missing)} for {RECOVERS_S} s and other tests use it - wait for them, "
                "or make cluster-down"
            )
        time.sleep(1)
    return False


def _start(place: Place, *, keep: bool) -> State:
    missing = missing_requirements()
    if missing:
        raise ConfigError(
            f"No cluster here: {', '.join(missing)} - as root on Debian: make cluster-packages; "
            "or point KUBECONFIG at any cluster"
        )
    create_bridge(place)
    plane = start_control_plane(place.folder, mode="cluster", address=place.address)
    make_node(place, plane)
    pause = place.folder / "pause.tar"
    write_pause_image(pause)
    _import(plane.processes, pause)
    start_kubelet(place, plane)
    store = start_object_store(plane.processes, place.folder / "minio", place.address)
    reader = add_reader(store)
    plane.processes.wait_until("kubelet", lambda: _node_ready(plane.kubeconfig), NODE_READY_S)
    return State(plane.kubeconfig, place.address, store, reader, keep)


def _down(place: Place) -> None:
    processes = Processes(place.folder)
    # kubelet first: it would start again what ends; the node's namespace last: its mounts end with it.
    for name in ("kubelet", "containerd"):
        processes.stop(name)
    cgroups.kill_all(place.name)
    for name in ("node", "minio", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
        processes.stop(name)
    cgroups.remove(place.name)
    remove_bridge(place)
    for path in place.folder.iterdir():
        if path.suffix != ".log":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _import_changed(place: Place, images: Mapping[str, Path], imported: Mapping[str, str]) -> dict[str, str]:
    marks = {name: f"{path} {path.stat().st_mtime_ns}" for name, path in images.items()}
    processes = Processes(place.folder)
    for name, mark in marks.items():
        if imported.get(name) != mark:
            _import(processes, images[name])
    return {**imported, **marks}


def lose_image(place: Place, reference: str) -> None:
    """Take an image off the node, as its garbage collection would; running containers keep what they have."""
    ctr = [*in_node(Processes(place.folder)), str(debian_program("ctr")), "--namespace", "k8s.io", "images", "rm"]
    state = State.read(_state_file(place))
    if state is not None:  # whoever comes next imports it again
        kept = {name: mark for name, mark in state.images.items() if name != reference}
        replace(state, images=kept).write(_state_file(place))
    subprocess.run([*ctr, "--sync", f"docker.io/library/{reference}"], check=True, capture_output=True)


def bring_image(place: Place, archive: Path) -> None:
    """Bring an image to the node, as a registry would that answers again."""
    _import(Processes(place.folder), archive)


def bring_by_digest(place: Place, archive: Path, repository: str) -> str:
    """Bring an image to the node as if it had been pulled by its digest.

    Args:
        place: Where the cluster lives.
        archive: A docker-archive.
        repository: What the reference begins with; nobody is asked there.

    Returns:
        `repository@sha256:…`.
    """
    processes = Processes(place.folder)
    _import(processes, archive, "--base-name", repository, "--digests")
    ctr = [*in_node(processes), str(debian_program("ctr")), "--namespace", "k8s.io", "images", "ls", "--quiet"]
    listed = subprocess.run(ctr, capture_output=True, text=True, check=True).stdout.split()
    return next(name for name in listed if name.startswith(f"{repository}@"))


def _import(processes: Processes, archive: Path, *options: str) -> None:
    """Bring an image where kubelet looks for it.

    Raises:
        ShoalError: containerd refused it; says why.
    """
    command = [
        *in_node(processes),
        str(debian_program("ctr")),
        "--namespace",
        "k8s.io",
        "images",
        "import",
        *options,
        str(archive),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise ShoalError(f"Image {archive} was not imported: {ended.stderr.strip()[-300:]} - build it again")


def _node_ready(kubeconfig: Path) -> bool:
    try:
        node = client.CoreV1Api(config.new_client_from_config(str(kubeconfig))).read_node(NODE, _request_timeout=5)
    except (client.ApiException, HTTPError, config.ConfigException):
        return False
    return any(condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions)


def _state_file(place: Place) -> Path:
    return place.folder / "state.json"


def _users_file(place: Place) -> TextIO:
    place.folder.parent.mkdir(parents=True, exist_ok=True)
    return place.folder.with_suffix(".users").open("w")


def _is_used(place: Place) -> bool:
    with _users_file(place) as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def _exclusive(place: Place) -> Iterator[None]:
    """Let nobody else start or end this cluster meanwhile."""
    place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with place.folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
