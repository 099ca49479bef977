"""A control plane with the real kube-scheduler, and how many of our pods it places."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kubernetes import client

from cluster.control_plane import ControlPlane
from scheduling.random_clusters import RandomCluster
from scheduling.random_pods import OURS, PRIORITIES, THEIRS

SETTLES_S = 60


@dataclass(frozen=True)
class Truth:
    """What the real scheduler did with copies of our pod.

    Attributes:
        bound: Copies that were created and got a node.
        pending: Copies that were created and got none.
        one_more: Whether yet another copy got a node.
    """

    bound: int
    pending: int
    one_more: bool


class SchedulerTruth:
    """Builds random clusters, one after the other, in one control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.api_client = plane.connect()
        self.core = client.CoreV1Api(self.api_client)
        for name in (OURS, THEIRS):
            self.core.create_namespace({"metadata": {"name": name}})
        scheduling = client.SchedulingV1Api(self.api_client)
        for name, value in PRIORITIES.items():
            scheduling.create_priority_class({"metadata": {"name": name}, "value": value, "preemptionPolicy": "Never"})
        client.NodeV1Api(self.api_client).create_runtime_class(
            {
                "metadata": {"name": "heavy"},
                "handler": "heavy",
                "overhead": {"podFixed": {"cpu": "250m", "memory": "120Mi"}},
            }
        )

    @contextmanager
    def built(self, cluster: RandomCluster) -> Iterator[None]:
        """Create everything but our pods; the scheduler stands still, so waiting pods still wait."""
        try:
            for node in cluster.nodes:
                self.core.create_node(node)
            for pod in cluster.bound:
                self._create_bound(pod)
            self._let_scheduler_see_all(cluster.nodes[0]["metadata"]["name"])
            self.plane.processes.send("kube-scheduler", signal.SIGSTOP)
            for pod in cluster.waiting:
                self._create(pod)
            for quota in cluster.quotas:
                self.core.create_namespaced_resource_quota(OURS, quota)
                self.core.replace_namespaced_resource_quota_status(quota["metadata"]["name"], OURS, quota)
            yield
        finally:
            self.plane.processes.send("kube-scheduler", signal.SIGCONT)
            self._clear()

    def place(self, ours: dict[str, Any], copies: int) -> Truth:
        """Let the scheduler go on, create so many copies of our pod, then one more; tell what it did."""
        self.plane.processes.send("kube-scheduler", signal.SIGCONT)
        self._wait(lambda: "new" not in self._states().values())
        names = [name for name in (self._create_or_refuse(ours) for _ in range(copies)) if name]
        # What is unschedulable now may be tried again when a later pod evens the spread.
        deadline = time.monotonic() + SETTLES_S
        states = self._states()
        while any(states[name] != "bound" for name in names) and time.monotonic() < deadline:
            time.sleep(0.02)
            states = self._states()
        bound = sum(states[name] == "bound" for name in names)
        return Truth(bound, copies - bound, one_more=self._takes_one_more(ours))

    def _takes_one_more(self, ours: dict[str, Any]) -> bool:
        name = self._create_or_refuse(ours)
        if name is None:
            return False
        self._wait(lambda: self._states()[name] != "new")
        return self._states()[name] == "bound"

    def _create(self, pod: dict[str, Any]) -> str:
        return str(self.core.create_namespaced_pod(pod["metadata"]["namespace"], pod).metadata.name)

    def _create_or_refuse(self, pod: dict[str, Any]) -> str | None:
        """Create a pod; None when a quota refuses it."""
        try:
            return self._create(pod)
        except client.ApiException as err:
            if err.status == 403 and " quota: " in err.body:
                return None
            raise

    def _create_bound(self, pod: dict[str, Any]) -> None:
        namespace, name = pod["metadata"]["namespace"], self._create(pod)
        if status := pod.get("status"):
            self.core.patch_namespaced_pod_status(name, namespace, {"status": status})
        if pod.get("terminating"):
            self.core.delete_namespaced_pod(name, namespace, grace_period_seconds=600)

    def _let_scheduler_see_all(self, name: str) -> None:
        """Wait until the scheduler knows every node and every bound pod.

        A node is created that has room for one pod, and a pod that goes there only: once it is bound, the scheduler knows every
        node before it. Then that pod goes and another one comes: the scheduler hears of bound and of waiting pods in two queues,
        and there is room for it once the end of the first one was heard, and so all that was said of bound pods before.
        """
        sentinel = f"{name}-sentinel"
        taint = {"key": "sentinel", "effect": "NoSchedule"}
        node = {"metadata": {"name": sentinel}, "spec": {"taints": [taint]}, "status": {"allocatable": {"pods": "1"}}}
        self.core.create_node(node)
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [sentinel]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        spec = {
            "containers": [{"name": "main", "image": "i"}],
            "tolerations": [{"operator": "Exists"}],
            "affinity": {"nodeAffinity": required},
        }
        for number in (1, 2):
            created = self._create({"metadata": {"name": f"{sentinel}-{number}", "namespace": THEIRS}, "spec": spec})
            self._wait(lambda name=created: self._states()[name] == "bound")
            self.core.delete_namespaced_pod(created, THEIRS, grace_period_seconds=0)

    def _states(self) -> dict[str, str]:
        """Tell of each pod whether it is bound, unschedulable, gated, or new to the scheduler."""
        states = {}
        for pod in self.core.list_pod_for_all_namespaces().items:
            reasons = {each.reason for each in pod.status.conditions or () if each.type == "PodScheduled"}
            waits = "gated" if pod.spec.scheduling_gates else "unschedulable" if "Unschedulable" in reasons else "new"
            states[pod.metadata.name] = "bound" if pod.spec.node_name else waits
        return states

    def _clear(self) -> None:
        for namespace in (OURS, THEIRS):
            self.core.delete_collection_namespaced_pod(namespace, grace_period_seconds=0)
        self.core.delete_collection_namespaced_resource_quota(OURS)
        self.core.delete_collection_node()
        quotas = self.core.list_namespaced_resource_quota
        self._wait(lambda: not self._states() and not self.core.list_node().items and not quotas(OURS).items)

    @staticmethod
    def _wait(reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SETTLES_S
        while not reached():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the scheduler did not settle within {SETTLES_S} s")
            time.sleep(0.02)
