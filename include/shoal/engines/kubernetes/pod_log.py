"""The log of a pod's container."""

from typing import Any

from kubernetes.client import CoreV1Api

from shoal.contract.errors import one_line, shown
from shoal.engines.kubernetes.errors import REQUEST_ERRORS

_LAST_LINES, _LAST_BYTES, _SHOWN = 5, 4000, 300


def read_log(core: CoreV1Api, name: str, namespace: str, container: str, **options: Any) -> list[str]:
    """Read the lines a container said.

    Args:
        core: Client of the cluster.
        name: The pod.
        namespace: Where it is.
        container: The container.
        options: Of the API, such as `tail_lines`.
    """
    # The client would hand over the text of a bytes object.
    reply = core.read_namespaced_pod_log(name, namespace, container=container, _preload_content=False, **options)
    text: str = reply.data.decode("utf-8", "replace")
    return text.splitlines()


def read_last_words(core: CoreV1Api, name: str, namespace: str, container: str) -> str:
    """Read the last line a container said, or said before it was started again; empty where it said nothing.

    What somebody else's program writes goes to a terminal and into a log: control characters are shown, not passed on.

    Args:
        core: Client of the cluster.
        name: The pod.
        namespace: Where it is.
        container: The container.
    """
    for previous in (False, True):
        options = {"tail_lines": _LAST_LINES, "limit_bytes": _LAST_BYTES, "previous": previous}
        try:
            lines = read_log(core, name, namespace, container, **options)
        except REQUEST_ERRORS:  # nothing of it is kept, or it may not be read: the exit code says the rest
            continue
        if words := [line for line in map(one_line, lines) if line]:
            return shown(words[-1], _SHOWN)
    return ""
