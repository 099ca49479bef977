"""A Kubernetes cluster: one pod per shard, beside the worker a sidecar that mounts the bucket."""

import contextlib
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from kubernetes.client import ApiClient, ApiException, CoreV1Api

from shoal.contract.errors import NoRoomInTimeError, ShoalError, WorkerError
from shoal.engines.engine import GONE_S, Connect, DagRunId, FindState, Owner, Step, Workers
from shoal.engines.kubernetes.checks import cluster_steps
from shoal.engines.kubernetes.create_pod import create_pod, need_quota
from shoal.engines.kubernetes.earlier_pods import end_earlier_pods
from shoal.engines.kubernetes.errors import NOT_FOUND, explained
from shoal.engines.kubernetes.manifests import GRACE_S, WORKER, ShardPod, run_secret
from shoal.engines.kubernetes.overlay import Manifest
from shoal.engines.kubernetes.owned_objects import RunObjects
from shoal.engines.kubernetes.pod_containers import worker_of
from shoal.engines.kubernetes.pod_log import read_last_words, read_log
from shoal.engines.kubernetes.pod_service import startup_s
from shoal.engines.kubernetes.pod_status import find_failure, gone_pod, kept_pod, lost_pod
from shoal.engines.kubernetes.pod_story import tell_pods
from shoal.engines.kubernetes.pod_trouble import ReadWords, find_start_trouble, no_words
from shoal.engines.kubernetes.pod_watch import STARTS_S, Bounds, PodWatch, last_event, look
from shoal.engines.kubernetes.room import KubernetesRoom
from shoal.engines.kubernetes.settings import KubernetesSettings
from shoal.settings.attempt_time import queue_of
from shoal.shards.attempt import ShardWork

UNSEEN = ["the cluster has none of its pods, and no event about them any more (events are kept for an hour)"]


@dataclass(frozen=True)
class PodHandle:
    """A pod that was started: its name, when, by this process's clock, and how long it is waited for."""

    name: str
    started_s: float
    bounds: Bounds


class KubernetesEngine(KubernetesSettings):
    """See `engine.Engine`."""

    runner = "shoal.airflow.operators.shard_pod:ShardPod"
    waits = True
    pause_s = 1.0

    def __init__(self, workers: Workers, connect: Connect) -> None:
        super().__init__(workers)
        self._namespace, self.conn_id = self._cluster.namespace, self._cluster.conn_id
        self._connect = connect

    @cached_property
    def _client(self) -> ApiClient:
        """Reach the cluster when it is needed: a night with nothing to infer does without it."""
        return self._connect(self.conn_id)

    @property
    def _core(self) -> CoreV1Api:
        return CoreV1Api(self._client)

    @property
    def _objects(self) -> RunObjects:
        return RunObjects(self._core, self._cluster)

    def room(self, pod: Mapping[str, Any], owner: Owner, find_state: FindState) -> KubernetesRoom:  # noqa: D102
        return KubernetesRoom(lambda: self._client, self._cluster, pod, owner, find_state)

    def prepare(self, work: ShardWork, owner: DagRunId) -> Manifest:
        """Write into the cluster what the pod of an attempt needs, its ConfigMap and its Secret, and make the pod.

        Raises:
            QuotaExceededError: A quota is full; no key was made for the pod.
        """
        uid = self._objects.ensure_config_map(owner)
        bucket, kind = self._workers.bucket, work.stores.source.access.kind
        volume = self._workers.volume
        pod = self.make_pod(ShardPod(owner.name, work.run_key, work.command, bucket, work.first_key, uid, kind, volume))
        if work.own_keys.rights:  # a store keeps each key until it ends, and a full quota is asked again and again
            need_quota(self._core, self._namespace, pod)
        self._objects.put_secret(run_secret(self._cluster, owner.name, uid, work.own_keys.make(work.stores)))
        return pod

    def end_earlier(self, owner: DagRunId, shard: int) -> None:
        """End the pods of a shard's earlier attempt, and wait for their last rows."""
        end_earlier_pods(lambda: self._objects, owner.name, self._namespace, shard)

    def start(self, work: ShardWork, owner: Owner) -> PodHandle:  # noqa: D102
        with explained(f"run a pod in namespace {self._namespace}"):
            try:
                pod = self.prepare(work, owner())
                create_pod(self._core, self._namespace, pod)
            except BaseException:
                with contextlib.suppress(ShoalError):
                    self.end(owner, GONE_S)
                raise
        return PodHandle(pod["metadata"]["name"], time.monotonic(), self.bounds(work))

    def bounds(self, work: ShardWork) -> Bounds:
        """Say how long the pod of an attempt is waited for; at the end of its time box a worker may wait for its service."""
        service = self._workers.worker.service
        patience_s = (service.timeout + service.start_timeout).total_seconds() if service else 0.0
        return Bounds(GRACE_S, queue_of(self._cluster).total_seconds(), work.budget_s + patience_s)

    def look(self, handle: PodHandle, before: PodWatch | None) -> PodWatch:  # noqa: D102
        before, now_s = before or PodWatch(), time.monotonic()
        with explained(f"run a pod in namespace {self._namespace}"):
            pod = self._read(handle.name)
            event = self._read_last_event(handle.name) if before.wants_event(now_s) else None
        if pod is None:
            return replace(before, status="gone", news="")
        watch = look(before, pod, now_s, handle.bounds, event)
        # Whoever stands by does not queue: the operator waits in the triggerer, for `cluster.wait`.
        starts_s = STARTS_S + startup_s(pod)
        if not watch.status and not worker_of(pod).has_begun and now_s - handle.started_s > starts_s:
            message = (
                f"Pod {handle.name} has no worker at work after {starts_s:.0f} s - see its events: "
                f"kubectl describe pod -n {self._namespace} {handle.name}"
            )
            return replace(watch, status="stuck", message=message)
        return watch

    def last_words(self, handle: PodHandle, watch: PodWatch) -> Iterator[str]:  # noqa: D102
        if watch.status == "over":
            with explained(f"read the log of pod {handle.name}"):
                # A pod may end without its worker, which has no log then.
                if worker_of(self._read(handle.name) or {}).has_begun:
                    yield from read_log(self._core, handle.name, self._namespace, WORKER)

    def verdict(self, handle: PodHandle, watch: PodWatch) -> ShoalError | None:  # noqa: D102
        with explained(f"look at pod {handle.name}"):
            pod = self._read(handle.name)
        read_words = partial(read_last_words, self._core, handle.name, self._namespace)
        return judge_pod(handle.name, pod, watch.status, watch.message, read_words)

    def end(self, owner: Owner, wait_s: float) -> str:  # noqa: D102
        name = owner().name
        with explained(f"delete what run {name} left in namespace {self._namespace}"):
            pods = self._objects.delete_run(name, wait_s)
        return f"run {name}: {pods} pods, its Secret and its ConfigMap are deleted"

    def check_steps(self) -> Iterator[Step]:  # noqa: D102
        yield from cluster_steps(self, lambda: self._client, self._namespace)

    def tell(self, run_key: str, failed: Collection[str]) -> list[str]:  # noqa: D102
        with explained(f"look at the pods of run {run_key}"):
            return tell_pods(self._client, self._namespace, run_key, failed) or UNSEEN

    def _read(self, name: str) -> Manifest | None:
        try:
            found = self._core.read_namespaced_pod(name, self._namespace)
        except ApiException as err:
            if err.status == NOT_FOUND:
                return None
            raise
        pod: Manifest = self._client.sanitize_for_serialization(found)
        return pod

    def _read_last_event(self, name: str) -> Mapping[str, Any] | None:
        found = self._core.list_namespaced_event(self._namespace, field_selector=f"involvedObject.name={name}").items
        return last_event(self._client.sanitize_for_serialization(found))


def judge_pod(
    name: str, pod: Mapping[str, Any] | None, status: str, message: str, read_words: ReadWords = no_words
) -> ShoalError | None:
    """Judge a pod that is waited for no more; None when its worker did its shard.

    Args:
        name: Its name.
        pod: The pod, None where it is there no more.
        status: How the wait ended, as `PodWatch` says it.
        message: Why it is stuck or unplaced.
        read_words: Reads what a container said last.
    """
    if pod is None:
        return gone_pod(name)
    if status == "kept":
        return kept_pod(pod)
    if status == "lost":
        return lost_pod(name, pod["spec"].get("nodeName"))
    if status == "unplaced":
        return NoRoomInTimeError(message)
    if status == "stuck":
        trouble = find_start_trouble(pod, read_words)  # once more, now with its words
        return WorkerError(trouble.message if trouble else message)
    return find_failure(pod, read_words)
