"""What a Dag run owns in the cluster: one ConfigMap, which owns its Secret and its pods.

The ConfigMap also tells other runs how many pods this one is about to start, so that no room is promised twice.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from kubernetes.client import ApiException, CoreV1Api, V1Pod

from shoal.contract.errors import WorkerError
from shoal.engines.engine import DagRunId
from shoal.engines.kubernetes.errors import CONFLICT, NOT_FOUND
from shoal.engines.kubernetes.manifests import (
    DONE_GRACE_S,
    MANAGED,
    RUN_LABEL,
    SHARD_LABEL,
    WORKER,
    run_config_map,
)
from shoal.engines.kubernetes.overlay import Manifest
from shoal.engines.kubernetes.planning_turn import TURN_NAME
from shoal.settings.execution import Cluster

log = logging.getLogger(__name__)

PROMISE_HOLDS = timedelta(minutes=10)
"""A plan's pods are there by then; what has not come will not come."""

_SELECTED, _HOLDS_S = "selector", "holds_s"
"""Fields of a promise whose pods others start, or which holds for another time; a run's own have neither."""

_UNREAD = {"_preload_content": False}
"""The client writes every answer it reads into the log at level DEBUG, and a Secret's answer holds the Secret."""

_SELECTOR = ",".join(f"{label}={value}" for label, value in MANAGED.items())


@dataclass(frozen=True)
class RunPromise:
    """Pods another run is about to start.

    Attributes:
        run: Name of the run.
        pods: How many are still to come.
        pod: What one of them looks like.
        selector: Labels by which they are known; empty: the run's own label.
        holds: How long it is kept room for them.
    """

    run: str
    pods: int
    pod: Manifest
    selector: str = ""
    holds: timedelta = PROMISE_HOLDS


@dataclass(frozen=True)
class OwnedRun:
    """A Dag run that owns something.

    Attributes:
        name: Name of its objects.
        owner: The Dag run.
        created_at: When the first of them was made.
    """

    name: str
    owner: DagRunId
    created_at: datetime


class RunObjects:
    """The objects of Shoal's runs in one namespace.

    Args:
        core: Client of the cluster.
        cluster: Names the namespace.
    """

    def __init__(self, core: CoreV1Api, cluster: Cluster) -> None:
        self._core = core
        self._cluster = cluster
        self._namespace = cluster.namespace

    def list_promises(self, but: str, now: datetime) -> list[RunPromise]:
        """List what the other runs' plans of the last minutes still have to start.

        Args:
            but: Name of the run that asks.
            now: Time of the planning turn.
        """
        found = []
        for config_map in self._core.list_namespaced_config_map(self._namespace, label_selector=_SELECTOR).items:
            name, data = config_map.metadata.name, config_map.data or {}
            if name in {but, TURN_NAME} or "pods" not in data:
                continue
            since, holds_s = datetime.fromisoformat(data["promised_at"]), data.get(_HOLDS_S)
            if now - since > (PROMISE_HOLDS if holds_s is None else timedelta(seconds=float(holds_s))):
                continue
            there = self._count_there(data.get(_SELECTED) or f"{RUN_LABEL}={name}", since)
            if (pods := int(data["pods"]) - there) > 0:
                found.append(RunPromise(name, pods, json.loads(data["pod"])))
        return found

    def _count_there(self, selector: str, since: datetime) -> int:
        """Count a promise's pods that the cluster counts as any others.

        Gated ones take no room yet, and nobody else is to have it: they are as good as not there.
        """
        pods = self._core.list_namespaced_pod(self._namespace, label_selector=selector).items
        return sum(pod.metadata.creation_timestamp >= since and not pod.spec.scheduling_gates for pod in pods)

    def promise(self, owner: DagRunId, promise: RunPromise, now: datetime) -> None:
        """Write down, within a planning turn, that a run is about to start pods."""
        data = {
            **_told(owner),
            "pods": str(promise.pods),
            "pod": json.dumps(promise.pod, separators=(",", ":")),
            "promised_at": now.isoformat(timespec="seconds"),
            **({_SELECTED: promise.selector} if promise.selector else {}),
            **({_HOLDS_S: str(promise.holds.total_seconds())} if promise.holds != PROMISE_HOLDS else {}),
        }
        self._write_config_map(promise.run, data)

    def lower_promise(self, name: str, pods: int) -> None:
        """Say that fewer pods than promised will start."""
        self._core.patch_namespaced_config_map(name, self._namespace, {"data": {"pods": str(pods)}})

    def ensure_config_map(self, owner: DagRunId) -> str:
        """Find or make a run's ConfigMap; return its uid."""
        name = owner.name
        try:
            found = self._core.read_namespaced_config_map(name, self._namespace)
        except ApiException as err:
            if err.status != NOT_FOUND:
                raise
            found = self._write_config_map(name, _told(owner))
        return str(found.metadata.uid)

    def put_secret(self, secret: Manifest) -> None:
        """Write a run's Secret; credentials that were changed meanwhile reach the pods to come."""
        name = secret["metadata"]["name"]
        try:
            self._core.create_namespaced_secret(self._namespace, secret, **_UNREAD)
        except ApiException as err:
            if err.status != CONFLICT:
                raise
            self._core.patch_namespaced_secret(name, self._namespace, {"data": secret["data"]}, **_UNREAD)

    def delete_pods(
        self, name: str, shard: int | None = None, wait_s: float = 0.0, *, until: Callable[[V1Pod], bool] | None = None
    ) -> int:
        """Delete a run's pods, or those of one shard; return how many there were.

        A pod of which nothing runs, and which somebody's finalizer keeps, is not waited for.

        Args:
            name: Name of the run.
            shard: Only this shard's; None for all.
            wait_s: Seconds to wait until they are gone.
            until: What is enough to wait for in place of that.

        Raises:
            WorkerError: Some are still there after that time.
        """
        selector = f"{RUN_LABEL}={name}" + ("" if shard is None else f",{SHARD_LABEL}={shard}")
        pods = found = self._delete_selected(selector)
        deadline = time.monotonic() + wait_s
        while (left := [pod for pod in found if not (is_only_kept(pod) or (until and until(pod)))]) and (
            time.monotonic() < deadline
        ):
            time.sleep(1)
            found = self._delete_selected(selector)
        for pod in filter(is_only_kept, found if wait_s else ()):
            kept_by = ", ".join(pod.metadata.finalizers)
            log.warning(
                "Pod %s is deleted and nothing of it runs; its finalizers (%s) keep it", pod.metadata.name, kept_by
            )
        if left and wait_s:
            raise WorkerError(
                f"{len(left)} pods of run {name} are still there {wait_s:.0f} s after they were deleted, the first is "
                f"{left[0].metadata.name} on node {left[0].spec.node_name} - look at that node; they end when it answers"
            )
        return len(pods)

    def _delete_selected(self, selector: str) -> list[V1Pod]:
        """Delete the pods a selector finds and nobody has deleted yet; return all it finds."""
        pods: list[V1Pod] = self._core.list_namespaced_pod(self._namespace, label_selector=selector).items
        for pod in pods:
            if pod.metadata.deletion_timestamp is None:
                grace = {"grace_period_seconds": DONE_GRACE_S} if has_said_all(pod) else {}
                self._ignore_missing(self._core.delete_namespaced_pod, pod.metadata.name, **grace)
        return pods

    def delete_run(self, name: str, wait_s: float) -> int:
        """Delete everything of a run: pods, Secret, ConfigMap; return how many pods there were.

        The Secret goes before pods are waited for: one on a node that does not answer must not keep it, and the others
        have read it.

        Raises:
            WorkerError: Pods are still there after `wait_s`; everything else is gone.
        """
        pods = self.delete_pods(name)
        self._ignore_missing(self._core.delete_namespaced_secret, name, **_UNREAD)
        if wait_s:
            self.delete_pods(name, wait_s=wait_s)
        self.delete_promise(name)
        return pods

    def list_runs(self) -> list[OwnedRun]:
        """List the runs that own something here, whatever Airflow they are of."""
        found = self._core.list_namespaced_config_map(self._namespace, label_selector=_SELECTOR).items
        return [
            OwnedRun(
                entry.metadata.name,
                DagRunId(
                    entry.data.get("installation", ""),
                    entry.data["dag_id"],
                    entry.data["run_id"],
                    entry.data.get("task", ""),
                ),
                entry.metadata.creation_timestamp,
            )
            for entry in found
            if "run_id" in (entry.data or {})
        ]

    def _write_config_map(self, name: str, data: dict[str, str]) -> Any:
        manifest = run_config_map(self._cluster, name, data)
        try:
            return self._core.create_namespaced_config_map(self._namespace, manifest)
        except ApiException as err:
            if err.status != CONFLICT:
                raise
            return self._core.patch_namespaced_config_map(name, self._namespace, {"data": data})

    def delete_promise(self, name: str) -> None:
        """Delete a ConfigMap, and what it still promises."""
        self._ignore_missing(self._core.delete_namespaced_config_map, name)

    def _ignore_missing(self, delete: Any, name: str, **options: Any) -> None:
        try:
            delete(name, self._namespace, **options)
        except ApiException as err:
            if err.status not in {NOT_FOUND, CONFLICT}:
                raise


def _told(owner: DagRunId) -> dict[str, str]:
    """Write an owner as its ConfigMap tells it."""
    return {name: value for name, value in asdict(owner).items() if value or name != "task"}


def is_only_kept(pod: V1Pod) -> bool:
    """Whether a deleted pod is there for the sake of its finalizers alone: it has no node, or all of it has ended."""
    deleted = pod.metadata.deletion_timestamp is not None and bool(pod.metadata.finalizers)
    return deleted and (not pod.spec.node_name or pod.status.phase in {"Succeeded", "Failed"})


def has_said_all(pod: V1Pod) -> bool:
    """Whether a pod's worker has ended: its last rows are written, whatever else of the pod still runs."""
    statuses = pod.status.container_statuses or ()
    return any(status.name == WORKER and status.state.terminated is not None for status in statuses)
