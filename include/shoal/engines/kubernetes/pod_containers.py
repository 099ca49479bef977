"""The containers of a shard's pod as its status tells of them: Shoal's own, and what others put beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shoal.contract.errors import one_line
from shoal.engines.kubernetes.manifests import WORKER
from shoal.engines.kubernetes.mount_sidecar import SIDECAR
from shoal.engines.kubernetes.service_sidecar import SERVICE, SERVICE_IMAGE

ROLES = {SIDECAR: "sidecar", SERVICE: "service", WORKER: "worker"}
"""Shoal's own containers, and the service that a dataset file names; others come from a template or a webhook, and keep their
names."""

_KINDS = {"init": "init container", "sidecar": "sidecar container", "main": "container"}


@dataclass(frozen=True)
class Container:
    """One container of a pod.

    Attributes:
        name: Its name.
        kind: `init` ends before the worker starts, `sidecar` starts before it and runs beside it, `main` starts with it.
        status: What the kubelet says of it; empty where it said nothing yet.
        is_own: Whether it is of `ROLES`.
    """

    name: str
    kind: Literal["init", "sidecar", "main"]
    status: Mapping[str, Any]
    is_own: bool

    @property
    def is_service(self) -> bool:
        """Whether it is somebody else's program that is the model."""
        return self.is_own and self.name == SERVICE

    @property
    def role(self) -> str:
        """What people call it."""
        return ROLES[self.name] if self.is_own else f"{_KINDS[self.kind]} {self.name!r}"

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return int(self.status.get("restartCount") or 0)

    @property
    def waiting(self) -> Mapping[str, Any]:
        """Why it does not run; empty where it does, or has."""
        return self._state("waiting")

    @property
    def is_running(self) -> bool:
        """Whether it runs now."""
        return "running" in (self.status.get("state") or {})

    @property
    def ended(self) -> Mapping[str, Any]:
        """How it ended; empty while it has not."""
        return self._state("terminated")

    @property
    def last_end(self) -> Mapping[str, Any]:
        """How it ended, or had ended before it was started again: right after an end that is its state and not yet its last."""
        before: Mapping[str, Any] = (self.status.get("lastState") or {}).get("terminated") or {}
        return self.ended or before

    @property
    def has_begun(self) -> bool:
        """Whether it runs or ran, so that nothing keeps it from starting any more."""
        return self.is_running or bool(self.ended)

    @property
    def lets_go_on(self) -> bool:
        """Whether what comes after it may start."""
        if self.kind == "sidecar":
            return bool(self.status.get("started"))
        return bool(self.ended) and self.ended.get("exitCode") == 0

    @property
    def never_holds(self) -> bool:
        """Whether it is a sidecar that does not stay up."""
        return self.kind == "sidecar" and not self.status.get("started") and self.restarts > 0

    def describe_end(self, said: str = "") -> str:
        """Say how it ended: reason, exit code, and what it said last where it left that to the kubelet or somebody read it."""
        words = one_line(self.last_end.get("message"), 400) or said
        ended = f"{self.last_end.get('reason') or 'ended'}, exit code {self.last_end.get('exitCode')}"
        return f"{ended}: {words}" if words else ended

    def _state(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.status.get("state") or {}).get(name) or {}
        return found


def containers_of(pod: Mapping[str, Any]) -> Iterator[Container]:
    """Yield a pod's containers in the order they start; ephemeral ones are a person's, and change nothing."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    own = set(ROLES) - (set() if planned_image(pod) else {SERVICE})
    stay = {entry["name"] for entry in spec.get("initContainers") or () if entry.get("restartPolicy") == "Always"}
    for entry in status.get("initContainerStatuses") or ():
        name = entry["name"]
        yield Container(name, "sidecar" if name in {*stay, SIDECAR} else "init", entry, name in own)
    for entry in status.get("containerStatuses") or ():
        yield Container(entry["name"], "main", entry, entry["name"] in own)


def planned_image(pod: Mapping[str, Any]) -> str:
    """Name the image that the plan wants for a pod's service; empty where it has none."""
    return str(((pod.get("metadata") or {}).get("annotations") or {}).get(SERVICE_IMAGE) or "")


def worker_of(pod: Mapping[str, Any]) -> Container:
    """Find the worker, of which the kubelet may have said nothing yet."""
    found = (container for container in containers_of(pod) if container.name == WORKER)
    return next(found, Container(WORKER, "main", {}, is_own=True))
