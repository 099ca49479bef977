"""The log of a pod's container."""

from typing import Any

from kubernetes.client import CoreV1Api


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
