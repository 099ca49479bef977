"""What a shard's pod says about itself: how far it is, and why it ended."""

from collections.abc import Mapping
from typing import Any

from shoal.contract.errors import ShoalError, WorkerError, one_line
from shoal.engines.kubernetes.mount_sidecar import SIDECAR
from shoal.engines.kubernetes.pod_containers import Container, containers_of, worker_of
from shoal.engines.kubernetes.pod_service import find_other_image, startup_s
from shoal.engines.kubernetes.pod_trouble import ReadWords, find_failed_before, no_words
from shoal.engines.verdict import KEPT, judge

_TOLD_TO_GO = {"Evicted", "Preempting", "NodeShutdown", "Terminated", "NodeLost", "Shutdown"}
_SIGNALLED = 128
_UNKNOWN_END = "ContainerStatusUnknown"
"""The kubelet's word for a container that it no longer found, as after its node was started again."""


def is_over(pod: Mapping[str, Any]) -> bool:
    """Whether there is nothing to wait for: the worker has ended, or the pod without it.

    Containers that others put beside the worker may run for ever, and the sidecar may hang: neither changes a row.
    """
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"} or bool(worker_of(pod).ended)


def is_kept(pod: Mapping[str, Any]) -> bool:
    """Whether a pod was deleted before it had a node, and somebody's finalizer keeps it all the same."""
    metadata = pod["metadata"]
    return "deletionTimestamp" in metadata and bool(metadata.get("finalizers")) and not pod["spec"].get("nodeName")


def find_start_stage(pod: Mapping[str, Any]) -> str:
    """Say how far a pod on its node is; empty before it has one and from the start of its worker on."""
    if not pod.get("spec", {}).get("nodeName") or is_over(pod) or worker_of(pod).has_begun:
        return ""
    ready = "its volumes, network and images are being made ready"
    before = [container for container in containers_of(pod) if container.kind != "main"]
    for container in before:
        if not container.lets_go_on:
            return _tell_wait_for(container, pod) if container.is_running else ready
    if any(container.is_service for container in before):
        return "its service is ready, its worker is not started"
    if any(container.name == SIDECAR for container in before):
        return "its bucket is mounted, its worker is not started"
    running = [container.role for container in containers_of(pod) if container.kind == "main" and container.is_running]
    return f"{running[0]} was started and its worker is not" if running else ready


def _tell_wait_for(container: Container, pod: Mapping[str, Any]) -> str:
    if container.is_service:
        return (
            f"its service runs and is not ready, which may take {startup_s(pod):.0f} s (worker.service.start_timeout)"
        )
    if container.is_own:
        return "its sidecar is mounting the bucket, which lists the whole directory of the shard's first key"
    if container.kind == "sidecar":
        return f"its {container.role} runs and its startup probe has not succeeded, which the worker waits for"
    return f"its {container.role} runs, and has to end before the worker starts"


def describe_wait(pod: Mapping[str, Any]) -> str:
    """Say what a pod without a node waits for, in the scheduler's words; empty when it has one."""
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            said = f"{condition.get('reason')}: {one_line(condition.get('message'), 400)}"
            return f"Pod {pod['metadata']['name']} waits for a node ({said})"
    return ""


def find_sidecar_end(container: Container) -> str | None:
    """Say how a sidecar or a service ended before it was started again; None where it was not."""
    if not (ended := (container.status.get("lastState") or {}).get("terminated")):
        return None
    setting = "worker.service.memory" if container.is_service else "sidecar.memory"
    out_of_memory = f" - raise {setting}" if ended.get("reason") == "OOMKilled" else ""
    said = one_line(ended.get("message"), 400)
    return f"{ended.get('reason')}, exit code {ended.get('exitCode')}{f': {said}' if said else ''}{out_of_memory}"


def find_failure(pod: Mapping[str, Any], read_words: ReadWords = no_words) -> ShoalError | None:
    """Judge a pod that is over: None when the worker did its shard.

    Args:
        pod: The pod.
        read_words: Reads what a container said that left the kubelet no message.

    Returns:
        See `verdict.judge`; a pod that was told to go, or ended before its worker, gives a WorkerError.
    """
    name, status, worker = pod["metadata"]["name"], pod.get("status", {}), worker_of(pod)
    if disruption := _find_disruption(status):
        return WorkerError(f"Pod {name} was told to go ({disruption}) - {KEPT}")
    if other := find_other_image(pod):
        return WorkerError(other)
    if not worker.ended:
        if failed := find_failed_before(pod, read_words):
            return WorkerError(failed)
        said = one_line(status.get("message"), 400) or status.get("reason") or status.get("phase")
        return WorkerError(f"Pod {name} ended before its worker did ({said}) - {KEPT}")
    return _judge_worker(name, worker.ended)


def _judge_worker(name: str, worker: Mapping[str, Any]) -> ShoalError | None:
    code, said = worker.get("exitCode", 1), one_line(worker.get("message"), 400)
    if worker.get("reason") == "OOMKilled":
        return judge(f"pod {name}", code, oom="raise cluster.pod.memory")
    if worker.get("reason") == _UNKNOWN_END:
        return WorkerError(f"Nobody saw the worker of pod {name} end ({said}): its node was started again - {KEPT}")
    if code > _SIGNALLED:
        return judge(f"pod {name}", code, signalled=code - _SIGNALLED)
    return judge(f"pod {name}", code, last_line=said)


def gone_pod(name: str) -> WorkerError:
    """Judge a pod that is there no more."""
    return WorkerError(f"Pod {name} is gone (deleted, or its node was lost) - {KEPT}")


def lost_pod(name: str, node: str | None) -> WorkerError:
    """Judge a pod that was told to go, on a node that does not answer."""
    return WorkerError(f"Pod {name} was told to go and node {node} does not say that it went - {KEPT}")


def kept_pod(pod: Mapping[str, Any]) -> WorkerError:
    """Judge a pod that was deleted before it had a node, and is still there."""
    name, finalizers = pod["metadata"]["name"], ", ".join(pod["metadata"]["finalizers"])
    return WorkerError(f"Pod {name} was deleted before it had a node; its finalizers ({finalizers}) keep it - {KEPT}")


def _find_disruption(status: Mapping[str, Any]) -> str | None:
    if status.get("reason") in _TOLD_TO_GO:
        return f"{status['reason']}: {one_line(status.get('message'), 400)}"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return f"{condition.get('reason')}: {one_line(condition.get('message'), 400)}"
    return None
