"""A pod is created once, also where the API server's answer was lost and somebody asks again."""

import logging
from collections.abc import Mapping
from typing import Any

from kubernetes.client import ApiException, CoreV1Api

from shoal.contract.errors import QuotaExceededError, ShoalError
from shoal.engines.kubernetes.errors import CONFLICT, explained
from shoal.engines.kubernetes.manifests import WORKER

log = logging.getLogger(__name__)


def create_pod(core: CoreV1Api, namespace: str, pod: Mapping[str, Any]) -> Any:
    """Create a pod; one of its name that does the same attempt is that pod.

    Args:
        core: Client of the cluster.
        namespace: Where it goes.
        pod: Its manifest; the arguments of its worker name the attempt, which no other pod has.
    """
    try:
        return core.create_namespaced_pod(namespace, pod)
    except ApiException as err:
        if err.status != CONFLICT:
            raise
        found = core.read_namespaced_pod(pod["metadata"]["name"], namespace)
        if _arguments(core.api_client.sanitize_for_serialization(found)) != _arguments(pod):
            raise
        return found


def need_quota(core: CoreV1Api, namespace: str, pod: Mapping[str, Any]) -> None:
    """Ask whether a quota has room for a pod, before anything is made for it that lasts.

    Raises:
        QuotaExceededError: It has not; what else is in the way the pod itself says better.
    """
    try:
        with explained(f"start a pod in namespace {namespace}"):
            core.create_namespaced_pod(namespace, pod, dry_run="All")
    except QuotaExceededError:
        raise
    except ShoalError as err:
        log.debug("The pod could not be tried beforehand: %s", err)


def _arguments(pod: Mapping[str, Any]) -> list[Any]:
    return [container.get("args") for container in pod["spec"]["containers"] if container["name"] == WORKER]
