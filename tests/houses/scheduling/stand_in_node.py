"""What a kubelet would say of the pods on its node: they run for a moment and succeed. For a control plane without one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from kubernetes import client

POLL_S, RUNS_S = 0.3, 6.0


class StandInNode:
    """The pods of one namespace, as they come and go.

    Attributes:
        tasks: What the pods that there were work for: DAG, run and map index; another attempt of one has another pod.
        waited: Those the scheduler found no node for.
        most_at_once: The most that had not ended, at any look.
    """

    def __init__(self, core: client.CoreV1Api, namespace: str) -> None:
        self._core, self._namespace = core, namespace
        self.tasks: set[tuple[str, ...]] = set()
        self.waited: set[str] = set()
        self.most_at_once = 0

    def look(self) -> None:
        """Go over the pods once."""
        pods = self._core.list_namespaced_pod(self._namespace, label_selector="kubernetes_pod_operator").items
        alive = [pod for pod in pods if pod.status.phase in {"Pending", "Running"}]
        self.most_at_once = max(self.most_at_once, len(alive))
        for pod in pods:
            self.tasks.add(tuple(pod.metadata.labels[name] for name in ("dag_id", "run_id", "map_index")))
            if any(found.reason == "Unschedulable" for found in pod.status.conditions or ()):
                self.waited.add(pod.metadata.name)
            self._go_on(pod)

    def _go_on(self, pod: Any) -> None:
        name, now = pod.metadata.name, datetime.now(UTC)
        if pod.metadata.deletion_timestamp is not None:
            self._core.delete_namespaced_pod(name, self._namespace, grace_period_seconds=0)
        elif pod.spec.node_name and pod.status.phase == "Pending":
            self._say(pod, "Running", {"running": {"startedAt": now.isoformat()}}, now)
        elif pod.status.phase == "Running" and (now - pod.status.start_time).total_seconds() > RUNS_S:
            started = pod.status.start_time
            ended = {
                "exitCode": 0,
                "reason": "Completed",
                "startedAt": started.isoformat(),
                "finishedAt": now.isoformat(),
            }
            self._say(pod, "Succeeded", {"terminated": ended}, started)

    def _say(self, pod: Any, phase: str, state: dict[str, Any], since: datetime) -> None:
        runs = phase == "Running"
        statuses = [
            {
                "name": each.name, "image": each.image, "imageID": "", "restartCount": 0, "ready": runs, "started": runs, "state": state,
            }
            for each in pod.spec.containers
        ]  # fmt: skip
        status = {"phase": phase, "startTime": since.isoformat(), "containerStatuses": statuses}
        self._core.patch_namespaced_pod_status(pod.metadata.name, self._namespace, {"status": status})


@contextmanager
def stand_in_node(core: client.CoreV1Api, namespace: str) -> Iterator[StandInNode]:
    """Go over a namespace's pods until the end of the block."""
    node, over = StandInNode(core, namespace), threading.Event()

    def run() -> None:
        while not over.wait(POLL_S):
            try:
                node.look()
            except client.ApiException:  # somebody else was faster
                continue

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield node
    finally:
        over.set()
        thread.join()
