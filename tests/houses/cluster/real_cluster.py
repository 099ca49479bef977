"""A real cluster as tests see it: the one of `make cluster`, one started for them, or any that KUBECONFIG names."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest
import yaml
from kubernetes import client, config

from cluster import cgroups, images
from cluster.binaries import missing_requirements
from cluster.example_pods import wait_for_account
from cluster.lifecycle import bring_by_digest, bring_image, in_use, lose_image, not_running
from cluster.node import boot_node, crash_node, in_node
from cluster.object_store import lists_buckets
from cluster.place import MAIN, NODE_IMAGES
from cluster.processes import Processes
from shoal.stores.s3_access import StoreAccess

BACK_S = 180
PODS_GONE_S = 180


@dataclass(frozen=True)
class RealCluster:
    """A cluster and the object store its pods reach.

    Attributes:
        kubeconfig: A cluster admin's.
        store: The store's administrator.
        reader: The store's user with List and Get only: what a source connection should hold.
        images: Image references by name: worker, sidecar.
        address: Address of this machine that pods reach; empty where it is not known.
        processes: The programs of the tests' own cluster; None for one of KUBECONFIG.
    """

    kubeconfig: Path
    store: StoreAccess
    reader: StoreAccess
    images: Mapping[str, str]
    address: str = ""
    processes: Processes | None = field(default=None, repr=False)

    def connect(self, kubeconfig: Path | None = None) -> client.ApiClient:
        """Open a client, as the admin or as whom `kubeconfig` names."""
        return config.new_client_from_config(str(kubeconfig or self.kubeconfig))

    @contextmanager
    def namespace(self, labels: Mapping[str, str] | None = None) -> Iterator[str]:
        """Make a namespace with these labels, and remove it and its pods afterwards."""
        core = client.CoreV1Api(self.connect())
        name = f"test-{uuid4().hex[:8]}"
        core.create_namespace({"metadata": {"name": name, "labels": dict(labels or {})}})
        try:
            wait_for_account(core, name)
            yield name
        finally:
            core.delete_namespace(name)
            _wait_until_empty(core, name)

    def kubeconfig_of(self, service_account: str, namespace: str, folder: Path) -> Path:
        """Write a kubeconfig with a service account's token of one day: that account's rights and no more."""
        token = client.CoreV1Api(self.connect()).create_namespaced_service_account_token(
            service_account, namespace, {"spec": {"expirationSeconds": 24 * 3600}}
        )
        content = yaml.safe_load(self.kubeconfig.read_text())
        current = next(entry for entry in content["contexts"] if entry["name"] == content["current-context"])
        current["context"].update(user=service_account, namespace=namespace)
        content["users"] = [{"name": service_account, "user": {"token": token.status.token}}]
        path = folder / f"{namespace}-{service_account}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(content))
        return path

    def kill(self, program: str) -> None:
        """Crash one of `lifecycle.PROGRAMS`: SIGKILL, nothing is cleaned up."""
        self._own().send(program, signal.SIGKILL)

    def stop(self, program: str) -> None:
        """End a program as a shutdown would."""
        self._own().stop(program)

    def pause(self, program: str) -> None:
        """Freeze a program: it holds its connections and says nothing."""
        self._own().send(program, signal.SIGSTOP)

    def resume(self, program: str) -> None:
        """Let a paused program go on."""
        self._own().send(program, signal.SIGCONT)

    def restart(self, program: str) -> None:
        """Start a program again, ending it first if it runs, and wait until the cluster is whole."""
        self._own().restart(program)
        self._own().wait_until(program, lambda: not not_running(MAIN), BACK_S)
        if program == "minio":
            self._own().wait_until(program, lambda: lists_buckets(self.store), BACK_S)

    def crash_node(self) -> None:
        """Pull the node's plug, with all pods on it."""
        self._own()
        crash_node(MAIN)

    def boot_node(self) -> None:
        """Switch a crashed node on again, and wait until it is ready; nothing happens to one that runs."""
        if not_running(MAIN):
            boot_node(self._own())
            self._own().wait_until("kubelet", lambda: not not_running(MAIN), BACK_S)

    def container_pids(self, namespace: str, pod: str, container: str) -> set[int]:
        """List the host's process ids of a running container, for signals from outside."""
        self._own()
        ids = self._container_ids(namespace, pod, container)
        return cgroups.container_pids(MAIN.name, ids[0]) if ids else set()

    def out_of_memory(self, namespace: str, pod: str, container: str) -> bool:
        """Let the kernel end a container at the next memory it asks for; whether it was still there."""
        self._own()
        ids = self._container_ids(namespace, pod, container)
        return bool(ids) and cgroups.starve_of_memory(MAIN.name, ids[0])

    def lose_image(self, name: str) -> None:
        """Take an image off the node: worker or sidecar."""
        self._own()
        lose_image(MAIN, images.reference(name))

    def bring_image(self, name: str) -> None:
        """Bring it back."""
        bring_image(MAIN, images.built_images((name,))[images.reference(name)])

    def bring_service(self, name: str) -> str:
        """Bring an image of `tests/houses/services`; returns its reference with a digest, as registries give one."""
        self._own()
        archive = images.stand_in(images.SERVICES / name)
        return bring_by_digest(MAIN, archive, f"registry.example.org/{name}-{archive.parent.name[-8:]}")

    def rclone_mounts(self) -> list[str]:
        """List the buckets that are mounted on the node, sidecars' own and what kubelet sees of them."""
        mounts = subprocess.run(
            [*in_node(self._own()), "cat", "/proc/mounts"], capture_output=True, text=True, check=True
        ).stdout
        return [line for line in mounts.splitlines() if " fuse.rclone " in line]

    def _container_ids(self, namespace: str, pod: str, container: str) -> list[str]:
        status = client.CoreV1Api(self.connect()).read_namespaced_pod(pod, namespace).status
        found = [*(status.init_container_statuses or ()), *(status.container_statuses or ())]
        return [entry.container_id for entry in found if entry.name == container and entry.container_id]

    def _own(self) -> Processes:
        if self.processes is None:
            pytest.skip("faults are injected into the tests' own cluster only: unset KUBECONFIG")
        return self.processes


@contextmanager
def real_cluster() -> Iterator[RealCluster]:
    """Find or start the cluster; without one the test skips, or fails under CI."""
    if _foreign_kubeconfig():
        yield _foreign_cluster()
        return
    need_own_cluster()
    archives = images.built_images(NODE_IMAGES)
    with in_use(MAIN, archives) as state:
        yield RealCluster(
            kubeconfig=state.kubeconfig,
            store=state.store,
            reader=state.reader,
            images={name: images.reference(name) for name in NODE_IMAGES},
            address=state.address,
            processes=Processes(MAIN.folder),
        )


def need_own_cluster() -> None:
    """Go on where this machine can run a cluster of the tests' own."""
    if _foreign_kubeconfig():
        pytest.skip("tests of the tests' own cluster only: unset KUBECONFIG")
    missing = [*missing_requirements(), *(f"no {package}" for package in images.missing_programs())]
    if missing:
        _unavailable(
            f"no real cluster: {', '.join(missing)} - run the tests as root with Go after make cluster-packages, "
            "or set KUBECONFIG and SHOAL_TEST_S3_ENDPOINT_URL"
        )


def _foreign_kubeconfig() -> bool:
    """Whether KUBECONFIG names a cluster that is not the tests' own."""
    named = os.environ.get("KUBECONFIG")
    return bool(named) and Path(named).resolve() != (MAIN.folder / "admin.kubeconfig").resolve()


def _foreign_cluster() -> RealCluster:
    """Read where the cluster of KUBECONFIG, its store and its images are."""
    if "SHOAL_TEST_S3_ENDPOINT_URL" not in os.environ:
        _unavailable(
            "KUBECONFIG names a cluster, and no object store its pods reach: set SHOAL_TEST_S3_{ENDPOINT_URL,ACCESS_KEY,"
            "SECRET_KEY}, SHOAL_TEST_S3_READER_{…} for a user with List and Get only, and SHOAL_TEST_{WORKER,SIDECAR}_IMAGE"
        )
    return RealCluster(
        kubeconfig=Path(os.environ["KUBECONFIG"]),
        store=StoreAccess.from_env("test_s3"),
        reader=StoreAccess.from_env("test_s3_reader"),
        images={name: os.environ[f"SHOAL_TEST_{name.upper()}_IMAGE"] for name in NODE_IMAGES},
    )


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must test on a real cluster; {reason}")
    pytest.skip(reason)


def _wait_until_empty(core: client.CoreV1Api, namespace: str) -> None:
    deadline = time.monotonic() + PODS_GONE_S
    while pods := core.list_namespaced_pod(namespace).items:
        if time.monotonic() > deadline:
            names = ", ".join(pod.metadata.name for pod in pods)
            pytest.fail(f"Pods of namespace {namespace} are still there after {PODS_GONE_S} s: {names}")
        time.sleep(0.2)
