"""Somebody's own program in a shard's pod: why it is not ready, how it ended, and whether it is the one that was planned."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shoal.engines.kubernetes.pod_containers import Container, planned_image
from shoal.engines.kubernetes.service_sidecar import SERVICE

_KILLED_LATE_S = 10.0
"""A probe that failed for the last time, and the moment that its container ends, are so far apart at most, both ways."""


def startup_s(pod: Mapping[str, Any]) -> float:
    """Tell how long a pod's service may take until it is ready; 0 without one."""
    probe = _service_of(pod).get("startupProbe") or {}
    return float(probe.get("periodSeconds", 0) * probe.get("failureThreshold", 0))


def find_other_image(pod: Mapping[str, Any]) -> str:
    """Say that a pod's service is of another image than was planned; empty where it is not.

    The reference in the pod is compared, whose digest whoever pulls it checks: what the kubelet shows as the image's id is the
    reference to one runtime, and the digest of a part of the image to another.
    """
    planned, there = planned_image(pod), str(_service_of(pod).get("image") or "")
    if not planned or not there or _digest(planned) == _digest(there):
        return ""
    return (
        f"The service of pod {pod['metadata']['name']} is of image {there}, the plan names {planned}: somebody changed the pod, "
        "or a webhook of the cluster did - keep it from that, and where rows were written since, plan them anew under another "
        "model.version"
    )


def why_not_ready(service: Container, pod: Mapping[str, Any], said: str) -> str:
    """Say why a service that was started again before it was ready is not.

    Args:
        service: It.
        pod: Its pod.
        said: What its log said last, where somebody read that.
    """
    if service.last_end.get("reason") == "OOMKilled":
        return f"The service ran out of memory while it started{_told(said)} - raise worker.service.memory"
    ran_s, may_s = _ran_s(service.last_end), startup_s(pod)
    if may_s and ran_s >= may_s - _KILLED_LATE_S:
        return (
            f"The service was not ready within {may_s:.0f} s (worker.service.start_timeout){_told(said)} - raise it, or see that "
            "the image listens at worker.service.port on all addresses"
        )
    ended = service.describe_end(said)
    return (
        f"The service ends again and again before it is ready ({ended}; {service.restarts} restarts) - try the image by hand, "
        "with the user and the limits of the pod"
    )


def tell_end(service: Container) -> str:
    """Say how a service ended beside a worker at work; the kubelet starts it again."""
    way_out = " - raise worker.service.memory" if service.last_end.get("reason") == "OOMKilled" else ""
    return f"The service ended, and was started again ({service.describe_end()}){way_out}"


def _told(said: str) -> str:
    return f"; its log said last: {said}" if said else ""


def _ran_s(ended: Mapping[str, Any]) -> float:
    try:
        began, over = (datetime.fromisoformat(ended[moment]) for moment in ("startedAt", "finishedAt"))
    except (KeyError, TypeError, ValueError):
        return 0.0
    return (over - began).total_seconds()


def _service_of(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    if not planned_image(pod):
        return {}
    found = (entry for entry in (pod.get("spec") or {}).get("initContainers") or () if entry["name"] == SERVICE)
    return next(found, {})


def _digest(image: str) -> str:
    return image.rpartition("@")[2]
