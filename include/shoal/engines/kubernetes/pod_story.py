"""What the cluster still knows of a run's pods: those that are there, and what happened to those that are not."""

from collections.abc import Collection
from typing import Any

from kubernetes.client import ApiClient, CoreV1Api

from shoal.contract.errors import one_line
from shoal.engines.kubernetes.manifests import RUN_KEY_LABEL
from shoal.engines.kubernetes.pod_status import describe_wait, find_start_stage
from shoal.engines.kubernetes.pod_trouble import find_beside, find_start_trouble


def tell_pods(api_client: ApiClient, namespace: str, run_key: str, failed: Collection[str]) -> list[str]:
    """Say in a line each how the run's pods are, and each warning about them; events are kept for an hour.

    Args:
        api_client: Client of the cluster.
        namespace: The dataset's namespace.
        run_key: The run.
        failed: Names of pods that attempts noted.
    """
    core = CoreV1Api(api_client)
    found = core.list_namespaced_pod(namespace, label_selector=f"{RUN_KEY_LABEL}={run_key}").items
    pods: list[dict[str, Any]] = [api_client.sanitize_for_serialization(pod) for pod in found]
    lines = []
    for pod in pods:
        found = find_start_trouble(pod)
        trouble = found.message if found else describe_wait(pod) or find_beside(pod)[1] or find_start_stage(pod)
        node = pod.get("spec", {}).get("nodeName")
        place = f" on node {node}" if node else ""
        lines.append(
            f"{pod['metadata']['name']}{place}: {pod.get('status', {}).get('phase')}{f', {trouble}' if trouble else ''}"
        )
    names = {pod["metadata"]["name"] for pod in pods} | set(failed)
    for event in core.list_namespaced_event(namespace, field_selector="type=Warning").items:
        if event.involved_object.name in names:
            times = f" ({event.count} times)" if (event.count or 1) > 1 else ""
            said = one_line(event.message, 300)
            lines.append(f"{event.involved_object.name}: {event.reason}: {said}{times}")
    return lines
