"""What a pod said, passed on to the task's log."""

import logging
from collections.abc import Mapping
from typing import Any

from airflow.providers.cncf.kubernetes.utils.pod_manager import PodManager
from airflow.sdk.exceptions import AirflowException
from kubernetes.client import CoreV1Api, V1Pod

from shoal.contract.errors import first_line, one_line, shown
from shoal.engines.kubernetes.errors import REQUEST_ERRORS
from shoal.engines.kubernetes.pod_containers import containers_of
from shoal.engines.kubernetes.pod_log import read_last_words, read_log
from shoal.engines.kubernetes.pod_status import find_sidecar_end
from shoal.engines.kubernetes.pod_trouble import list_failed_beside

log = logging.getLogger(__name__)

SIDECAR_LINES = 20


def pass_on_log(core: CoreV1Api, pod: V1Pod, container: str, **options: Any) -> None:
    """Log what a container said; a log that cannot be read is a warning."""
    try:
        lines = read_log(core, pod.metadata.name, pod.metadata.namespace, container, **options)
    except REQUEST_ERRORS as err:
        log.warning("The log of container %s cannot be read: %s", container, first_line(err))
        return
    for line in lines:
        log.info("%s: %s", container, shown(line))


def tell_beside(core: CoreV1Api, pod: V1Pod, seen: Mapping[str, Any]) -> None:
    """Log how containers ended that others put beside the worker: what they were for may be missed elsewhere.

    Args:
        core: Client of the cluster.
        pod: The pod.
        seen: The same as plain values.
    """
    for container in list_failed_beside(seen):
        words = read_last_words(core, pod.metadata.name, pod.metadata.namespace, container.name)
        log.warning("The %s ended (%s); the worker does not need it", container.role, container.describe_end(words))


def tell_about(core: CoreV1Api, pods: PodManager, pod: V1Pod) -> None:
    """Log what helps to understand a failure: the last lines of sidecar and service, and the pod's warnings."""
    plain = core.api_client.sanitize_for_serialization(pod)
    for container in containers_of(plain):
        if container.kind == "sidecar" and container.is_own and (container.has_begun or container.restarts):
            if ended := find_sidecar_end(container):
                log.warning("The %s ended and was started again (%s); what it said before:", container.role, ended)
                pass_on_log(core, pod, container.name, tail_lines=SIDECAR_LINES, previous=True)
            pass_on_log(core, pod, container.name, tail_lines=SIDECAR_LINES)
    try:
        events = pods.read_pod_events(pod).items
    except (*REQUEST_ERRORS, AirflowException) as err:
        log.warning("The pod's events cannot be read: %s", first_line(err))
        return
    for event in events:
        if event.type == "Warning":
            log.warning("pod event %s: %s", event.reason, one_line(event.message))
