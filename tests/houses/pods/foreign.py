"""Containers that somebody else puts into Shoal's pods, as an injector would write them."""

from typing import Any

NEVER_ENDS = "while :; do sleep 1; done"
"""Hears no SIGTERM either: a container's first process need not."""


def foreign(image: str, name: str, script: str, **more: Any) -> dict[str, Any]:
    """Make a container that every namespace lets in."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    words = {"command": ["sh", "-c", script], "imagePullPolicy": "IfNotPresent"}
    return {"name": name, "image": image, **words, "securityContext": security, **more}
