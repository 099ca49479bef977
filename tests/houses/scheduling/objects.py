"""Small Kubernetes objects for tables: only what matters is named."""

from typing import Any

HOSTNAME = "kubernetes.io/hostname"


def container(name="main", *, image="i", sidecar=False, limits=None, ports=(), **requests) -> dict[str, Any]:
    """A container that asks for `cpu`, `memory`, …"""
    found: dict[str, Any] = {"name": name, "image": image, "resources": {"requests": requests}}
    if limits:
        found["resources"]["limits"] = limits
    if ports:
        found["ports"] = [{"containerPort": 80, **port} for port in ports]
    if sidecar:
        found["restartPolicy"] = "Always"
    return found


def pod(*containers, namespace="ours", labels=None, status=None, inits=(), **spec) -> dict[str, Any]:
    """A pod; one container with cpu 1 and memory 1Gi when none is given."""
    return {
        "metadata": {"name": "p", "namespace": namespace, "labels": labels or {}},
        "spec": {
            "containers": list(containers) or [container(cpu="1", memory="1Gi")],
            "initContainers": list(inits),
            **spec,
        },
        "status": status or {},
    }


def node(name="a", *, cpu="4", memory="8Gi", pods="110", labels=None, taints=(), **more) -> dict[str, Any]:
    """An empty node, named by its hostname label; `more` is further allocatable, or `unschedulable`."""
    unschedulable = more.pop("unschedulable", False)
    return {
        "metadata": {"name": name, "labels": {HOSTNAME: name, **(labels or {})}},
        "spec": {"taints": list(taints), "unschedulable": unschedulable},
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods, **more}},
    }


def quota(hard, used=None, *, name="quota", **spec) -> dict[str, Any]:
    """A quota that its controller has taken up."""
    used = {**dict.fromkeys(hard, "0"), **(used or {})}
    return {"metadata": {"name": name}, "spec": {"hard": hard, **spec}, "status": {"hard": hard, "used": used}}
