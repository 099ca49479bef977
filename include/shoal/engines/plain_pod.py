"""A pod of a size and nothing else, to ask about room with."""

from typing import Any


def sized_pod(cpu: str, memory: str | None, gpu: int = 0) -> dict[str, Any]:
    """Make a pod of a size that every namespace lets in, however strict its Pod Security."""
    resources = {"cpu": cpu}
    if memory is not None:
        resources["memory"] = memory
    if gpu:
        resources["nvidia.com/gpu"] = str(gpu)
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
