"""Kubernetes manifests as plain values, and one laid over another."""

from typing import Any

Manifest = dict[str, Any]
"""A Kubernetes object, camelCase, as its YAML says it."""


def overlay(base: Any, over: Any) -> Any:
    """Lay a manifest over another: mappings by key, lists of named things by name, other lists one after the other.

    So a template adds tolerations, volumes or a label, and cannot take away what Shoal sets.
    """
    if isinstance(base, dict) and isinstance(over, dict):
        merged = {key: overlay(base[key], value) if key in base else value for key, value in over.items()}
        return {**base, **merged}
    if isinstance(base, list) and isinstance(over, list):
        return _overlay_lists(base, over)
    return over


def _overlay_lists(base: list[Any], over: list[Any]) -> list[Any]:
    both = [*base, *over]
    # One volume may be mounted at several places: mounts are told apart by their path.
    mounts = both and all(isinstance(item, dict) and "mountPath" in item for item in both)
    mark = "mountPath" if mounts else "name"
    if not all(isinstance(item, dict) and mark in item for item in both):
        return [*base, *(item for item in over if item not in base)]
    merged = {item[mark]: item for item in base}
    for item in over:
        merged[item[mark]] = overlay(merged.get(item[mark], {}), item)
    return list(merged.values())


def literal(value: str) -> str:
    """Write a value for a container's environment or command as it stands.

    Kubernetes replaces $(NAME) in it by another variable of the container, the secret key say; $$ is a plain $.
    """
    return value.replace("$", "$$")
