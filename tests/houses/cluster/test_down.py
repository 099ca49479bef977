"""Nothing of a cluster stays: shown on a second one, beside that of the other tests."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from kubernetes import client, config

from cluster import cgroups, images
from cluster.control_plane import start_control_plane
from cluster.example_pods import mounting_pod, wait_for_account, wait_for_pod
from cluster.lifecycle import PROGRAMS, down, left_behind, not_running, up
from cluster.network import create_bridge
from cluster.place import Place
from cluster.processes import Processes
from cluster.real_cluster import need_own_cluster

KEY = "one.txt"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place for a second cluster."""
    need_own_cluster()
    second = Place(f"shoal-{os.getpid()}", f"10.205.{os.getpid() % 256}.0/24", tmp_path / "cluster")
    yield second
    down(second)


def test_a_cluster_ends_with_its_pods_their_mounts_and_their_network(place):
    state = up(place, images.built_images(["sidecar"]))
    core = client.CoreV1Api(config.new_client_from_config(str(state.kubeconfig)))
    _start_mounting_pod(core, state)
    ports = [path.name for path in Path(f"/sys/class/net/{place.name}/brif").iterdir()]
    processes = cgroups.pids(place.name)
    assert ports
    assert "rclone" in {one.info["name"] for one in psutil.process_iter(["name"]) if one.pid in processes}

    down(place)

    assert left_behind(place) == []
    assert not [port for port in ports if Path(f"/sys/class/net/{port}").exists()]
    assert not [pid for pid in processes if psutil.pid_exists(pid)]
    assert {path.suffix for path in place.folder.iterdir()} == {".log"}
    down(place)  # a second time is no error


def test_a_half_started_cluster_is_started_anew_and_a_broken_one_ends_as_well(place):
    create_bridge(place)
    start_control_plane(place.folder, mode="cluster", address=place.address)
    up(place, {})
    assert not_running(place) == []

    processes = Processes(place.folder)
    for name in ("node", *PROGRAMS):
        found = processes.find(name)
        assert found is not None
        found.kill()
    down(place)

    assert left_behind(place) == []


def _start_mounting_pod(core, state):
    """Start a pod that holds a mount of the bucket."""
    store = state.store.connect()
    store.make_bucket("fish")
    store.put_object("fish", KEY, io.BytesIO(b"fish"), 4)
    sidecar = images.reference("sidecar")
    pod = mounting_pod(state.reader, "fish", KEY, {"sidecar": sidecar, "worker": sidecar})
    pod["spec"]["containers"][0]["command"] = ["sleep", "infinity"]
    wait_for_account(core, "default")
    core.create_namespaced_pod("default", pod)
    wait_for_pod(core, "default", "reader", lambda pod: pod.status.phase == "Running")
