"""What a shard's pod says about itself: whether it starts, and why it ended."""

from collections.abc import Iterator, Mapping
from typing import Any

from shoal.contract.errors import ShoalError, WorkerError, one_line
from shoal.engines.kubernetes.manifests import WORKER
from shoal.engines.kubernetes.mount_sidecar import SIDECAR
from shoal.engines.verdict import KEPT, judge
from shoal.stores.s3_rclone import other_region_said

_PULL_FAILED = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
_CANNOT_START = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_TOLD_TO_GO = {"Evicted", "Preempting", "NodeShutdown", "Terminated", "NodeLost", "Shutdown"}
_ROLES = {SIDECAR: "sidecar", WORKER: "worker"}
"""Shoal's own containers; others come from a template or a webhook, and keep their names."""
_SIGNALLED = 128


def is_over(pod: Mapping[str, Any]) -> bool:
    """Whether the pod has ended, its sidecar too."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def find_start_problem(pod: Mapping[str, Any]) -> str | None:
    """Say what keeps the pod from starting; None while it may start, or has.

    Pending without a node is no problem: Kubernetes queues pods, and waiting costs nothing. A sidecar that dies beside a
    working worker is none either: the kubelet starts it again, and the worker says what it could not read.
    """
    worker = next((entry for entry in _containers(pod) if entry["name"] == WORKER), {}).get("state", {})
    has_started = "running" in worker or "terminated" in worker
    for container in _containers(pod):
        waiting = container.get("state", {}).get("waiting", {})
        reason, detail = waiting.get("reason"), one_line(waiting.get("message"), 400)
        role = _ROLES.get(container["name"], container["name"])
        if reason in _PULL_FAILED:
            return (
                f"Image {container.get('image')!r} of the {role} cannot be pulled ({reason}: {detail}) - correct "
                f"{_image_setting(role)}, or give cluster.pod.template an imagePullSecrets"
            )
        if reason in _CANNOT_START:
            return f"The {role} cannot be started ({reason}: {detail}) - check cluster.pod.template and the namespace"
        if container["name"] == SIDECAR and not has_started and _mount_failed(container):
            # Right after an end that is its state and not yet its last state.
            ends = (container.get(state, {}).get("terminated") for state in ("state", "lastState"))
            ended: dict[str, Any] = next(filter(None, ends), {})
            if ended.get("reason") == "OOMKilled":
                return "The sidecar ran out of memory while it mounted the bucket - raise sidecar.memory"
            said = one_line(ended.get("message"), 400) or ended.get("reason") or "its mount shows nothing of it"
            if region := other_region_said(ended.get("message") or ""):
                way_out = f"set region_name to {region!r} in the connection's extra"
                return f"The sidecar could not mount the bucket ({said}) - {way_out}"
            return (
                f"The sidecar could not mount the bucket ({said}) - check that the bucket is there, "
                "that the store can be reached from the cluster's nodes and that the source key may list and read"
            )
    return None


def find_start_stage(pod: Mapping[str, Any]) -> str:
    """Say how far a pod on its node is; empty before it has one and from the start of its worker on."""
    if pod.get("status", {}).get("phase") != "Pending" or not pod.get("spec", {}).get("nodeName"):
        return ""
    containers = {entry["name"]: entry for entry in _containers(pod)}
    sidecar = containers.get(SIDECAR, {})
    if sidecar.get("started"):
        return "its bucket is mounted, its worker is not started"
    if "running" in sidecar.get("state", {}):
        return "its sidecar is mounting the bucket, which lists the whole directory of the shard's first key"
    return "its volumes, network and images are being made ready"


def describe_wait(pod: Mapping[str, Any]) -> str:
    """Say what a pod without a node waits for, in the scheduler's words; empty when it has one."""
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            said = f"{condition.get('reason')}: {one_line(condition.get('message'), 400)}"
            return f"Pod {pod['metadata']['name']} waits for a node ({said})"
    return ""


def find_sidecar_end(pod: Mapping[str, Any]) -> str | None:
    """Say how the sidecar ended before it was started again; None where it was not."""
    sidecar = next((entry for entry in _containers(pod) if entry["name"] == SIDECAR), {})
    ended = sidecar.get("lastState", {}).get("terminated")
    if not ended:
        return None
    out_of_memory = " - raise sidecar.memory" if ended.get("reason") == "OOMKilled" else ""
    said = one_line(ended.get("message"), 400)
    return f"{ended.get('reason')}, exit code {ended.get('exitCode')}{f': {said}' if said else ''}{out_of_memory}"


def find_failure(pod: Mapping[str, Any]) -> ShoalError | None:
    """Judge a pod that is over: None when the worker did its shard.

    Returns:
        See `verdict.judge`; a pod that was told to go, or ended before its worker, gives a WorkerError.
    """
    name, status = pod["metadata"]["name"], pod.get("status", {})
    if disruption := _find_disruption(status):
        return WorkerError(f"Pod {name} was told to go ({disruption}) - {KEPT}")
    ended = next((entry for entry in _containers(pod) if entry["name"] == WORKER), {}).get("state", {})
    worker = ended.get("terminated")
    if worker is None:
        said = one_line(status.get("message"), 400) or status.get("reason") or status.get("phase")
        return WorkerError(f"Pod {name} ended before its worker did ({said}) - {KEPT}")
    return _judge_worker(name, worker)


def _judge_worker(name: str, worker: Mapping[str, Any]) -> ShoalError | None:
    code, said = worker.get("exitCode", 1), one_line(worker.get("message"), 400)
    if worker.get("reason") == "OOMKilled":
        return judge(f"pod {name}", code, oom="raise cluster.pod.memory")
    if code > _SIGNALLED:
        return judge(f"pod {name}", code, signalled=code - _SIGNALLED)
    return judge(f"pod {name}", code, last_line=said)


def gone_pod(name: str) -> WorkerError:
    """Judge a pod that is there no more."""
    return WorkerError(f"Pod {name} is gone (deleted, or its node was lost) - {KEPT}")


def lost_pod(name: str, node: str | None) -> WorkerError:
    """Judge a pod that was told to go, on a node that does not answer."""
    return WorkerError(f"Pod {name} was told to go and node {node} does not say that it went - {KEPT}")


def _find_disruption(status: Mapping[str, Any]) -> str | None:
    if status.get("reason") in _TOLD_TO_GO:
        return f"{status['reason']}: {one_line(status.get('message'), 400)}"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return f"{condition.get('reason')}: {one_line(condition.get('message'), 400)}"
    return None


def _mount_failed(sidecar: Mapping[str, Any]) -> bool:
    """Whether the kubelet gave up on a mount that never showed the bucket; a sidecar that dies later comes back by itself."""
    return not sidecar.get("started") and sidecar.get("restartCount", 0) > 0


def _image_setting(role: str) -> str:
    return f"{role}.image" if role in _ROLES.values() else "the image in cluster.pod.template"


def _containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()
