"""A pod of a size and nothing else, to ask about room with."""

from collections.abc import Mapping
from typing import Any


def sized_pod(cpu: str, memory: str | None, devices: Mapping[str, int]) -> dict[str, Any]:
    """Make a pod of a size that every namespace lets in, however strict its Pod Security.

    Args:
        cpu: Cores, as a Kubernetes quantity.
        memory: As a Kubernetes quantity; None asks for none.
        devices: What it asks of device plugins, by name.
    """
    resources = {"cpu": cpu, **{name: str(count) for name, count in devices.items()}}
    if memory is not None:
        resources["memory"] = memory
    container = {
        "name": "main",
        "image": "shoal-fit",
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "metadata": {"generateName": "shoal-fit-"},
        "spec": {"restartPolicy": "Never", "securityContext": security, "containers": [container]},
    }
