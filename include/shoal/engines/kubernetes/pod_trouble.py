"""What keeps a shard's worker from starting, and what went wrong beside it: each container is judged for what it is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shoal.contract.errors import one_line
from shoal.engines.kubernetes.pod_containers import Container, containers_of, worker_of
from shoal.engines.kubernetes.pod_service import find_other_image, tell_end, why_not_ready
from shoal.stores.s3_rclone import other_region_said

PROBLEM_S = 20.0
"""A registry that failed once is asked again by the kubelet within this; what lasts longer is reported."""

CRASH_LOOP_S = 45.0
"""A sidecar of somebody else's is started again after 10 s, 20 s, 40 s; one that stays away so long has had three tries."""

_PULL_FAILED = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
_CANNOT_START = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_MEND_IT = "mend it, or keep it out of Shoal's pods by cluster.pod.template (most injectors take a label or annotation)"

ReadWords = Callable[[str], str]
"""Reads what a container said last, by its name; empty where that cannot be read."""


@dataclass(frozen=True)
class Trouble:
    """Something that keeps a worker from starting.

    Attributes:
        message: What, and the way out.
        lasts_s: Seconds it has to last before it is believed.
    """

    message: str
    lasts_s: float = PROBLEM_S


def no_words(_container: str) -> str:
    """Leave a container's log unread: a look that repeats every few seconds asks for the pod alone."""
    return ""


def find_start_trouble(pod: Mapping[str, Any], read_words: ReadWords = no_words) -> Trouble | None:
    """Say what keeps the worker from starting; None while it may start, or has.

    Pending without a node is no trouble: Kubernetes queues pods, and waiting costs nothing. A sidecar that dies beside a
    working worker is none either: the kubelet starts it again, and the worker says what it could not read. Containers that
    start with the worker keep nobody from starting, see `find_beside`. A service of another image than was planned is trouble at
    any time.

    Args:
        pod: The pod.
        read_words: Reads what a container said that left the kubelet no message.
    """
    if other := find_other_image(pod):
        return Trouble(other, lasts_s=0.0)
    if worker_of(pod).has_begun:
        return None
    before = (one for one in containers_of(pod) if one.is_own or one.kind != "main")
    return next(filter(None, (_trouble_of(container, pod, read_words) for container in before)), None)


def _trouble_of(container: Container, pod: Mapping[str, Any], read_words: ReadWords) -> Trouble | None:
    if message := _why_it_waits(container):
        return Trouble(message)
    if not container.never_holds:
        return None
    if not container.is_own:
        told = container.describe_end(read_words(container.name))
        return Trouble(
            f"The {container.role} ends again and again and keeps the worker from starting ({container.restarts} restarts; "
            f"the last: {told}) - {_MEND_IT}",
            CRASH_LOOP_S,
        )
    if container.is_service:
        said = one_line(container.last_end.get("message"), 400) or read_words(container.name)
        return Trouble(why_not_ready(container, pod, said), CRASH_LOOP_S)
    return _trouble_of_mount(container)


def _trouble_of_mount(sidecar: Container) -> Trouble:
    ended = sidecar.last_end
    if ended.get("reason") == "OOMKilled":
        return Trouble("The sidecar ran out of memory while it mounted the bucket - raise sidecar.memory")
    said = one_line(ended.get("message"), 400) or ended.get("reason") or "its mount shows nothing of it"
    if region := other_region_said(ended.get("message") or ""):
        way_out = f"set region_name to {region!r} in the connection's extra"
        return Trouble(f"The sidecar could not mount the bucket ({said}) - {way_out}")
    return Trouble(
        f"The sidecar could not mount the bucket ({said}) - check that the bucket is there, "
        "that the store can be reached from the cluster's nodes and that the source key may list and read"
    )


def _why_it_waits(container: Container) -> str:
    """Say why the kubelet cannot start a container; empty while it may."""
    reason, detail = container.waiting.get("reason"), one_line(container.waiting.get("message"), 400)
    if reason in _PULL_FAILED:
        return (
            f"Image {container.status.get('image')!r} of the {container.role} cannot be pulled ({reason}: {detail}) - correct "
            f"{_image_setting(container)}, or give cluster.pod.template an imagePullSecrets"
        )
    if reason in _CANNOT_START:
        if container.is_service:
            return f"The service cannot be started ({reason}: {detail}) - check worker.service.image, and what it starts with"
        return f"The {container.role} cannot be started ({reason}: {detail}) - check cluster.pod.template and the namespace"
    return ""


def find_failed_before(pod: Mapping[str, Any], read_words: ReadWords) -> str | None:
    """Say which container ended a pod before its worker could start; None where none did."""
    for container in containers_of(pod):
        if container.kind == "init" and container.ended and not container.lets_go_on:
            ended = container.describe_end(read_words(container.name))
            return f"The {container.role} failed, so the worker never started ({ended}) - {_MEND_IT}"
    return None


def find_beside(pod: Mapping[str, Any]) -> tuple[str, str]:
    """Say what is wrong with containers beside the worker: others' it goes on without, and a service is started again.

    Returns:
        What tells this from other troubles, and a line; both empty where there is none.
    """
    found = sorted(_list_beside(pod))
    return "; ".join(mark for mark, _ in found), "; ".join(line for _, line in found)


def _list_beside(pod: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for container in containers_of(pod):
        if container.is_service and container.restarts and container.last_end:
            yield f"{container.name} {container.restarts}", tell_end(container)
        if container.is_own or container.kind == "init":
            continue
        if message := _why_it_waits(container):
            yield f"{container.name} waits", f"{message} (the worker does not wait for it)"
        elif container.last_end.get("exitCode"):
            again = ", and was started again" if container.restarts else ""
            line = f"The {container.role} ended{again} ({container.describe_end()}) - the worker does not need it"
            yield f"{container.name} {container.last_end.get('reason')}", line


def list_failed_beside(pod: Mapping[str, Any]) -> list[Container]:
    """List the containers that others put beside the worker and that failed: what they said last is worth telling."""
    return [one for one in containers_of(pod) if not one.is_own and one.last_end.get("exitCode")]


def _image_setting(container: Container) -> str:
    if container.is_service:
        return "worker.service.image"
    return f"{container.role}.image" if container.is_own else "the image in cluster.pod.template"
