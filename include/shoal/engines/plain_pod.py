"""Pods to ask about room with: of a size and nothing else, or as somebody wrote one down."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shoal.contract.errors import ConfigError, one_line


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


def read_pod(path: Path) -> dict[str, Any]:
    """Read a manifest; JSON is YAML.

    Raises:
        ConfigError: No such file, or it holds something else than one pod.
    """
    import yaml  # noqa: PLC0415 - other questions do not need it

    from shoal.written.yaml_text import read_yaml  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            found = read_yaml(file)
    except (ConfigError, OSError, ValueError, RecursionError, yaml.YAMLError) as err:
        reason = one_line(err)
        raise ConfigError(f"Cannot read pod {path}: {reason} - give one pod as YAML or JSON") from err
    return pod_to_ask(found, str(path))


def pod_to_ask(found: Any, where: str) -> dict[str, Any]:
    """Make of a manifest the pod to ask about; a template may leave out its kind.

    Args:
        found: The manifest, as it was read.
        where: What it is called.

    Raises:
        ConfigError: It is no pod.
    """
    kind = found.get("kind", "Pod") if isinstance(found, Mapping) else type(found).__name__
    if kind != "Pod" or not (isinstance(found.get("spec"), Mapping) and found["spec"].get("containers")):
        raise ConfigError(f"{where} holds no pod with containers (kind {kind}) - give one pod as YAML or JSON")
    metadata = dict(found.get("metadata") or {})
    # A copy is asked about: it must not meet the pod itself in the cluster.
    metadata["generateName"] = f"{metadata.pop('name', None) or 'shoal-fit'}-"
    return {**found, "metadata": metadata}
