"""Room for pods that are of no dataset: what a task says of them, and the room that Shoal's own runs ask, too."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf

from shoal.capacity.setting_names import OF_TASK
from shoal.contract.errors import ConfigError, one_line
from shoal.engines.plain_pod import pod_to_ask, read_pod
from shoal.settings.execution import Cluster

if TYPE_CHECKING:
    from shoal.engines.kubernetes.room import KubernetesRoom

log = logging.getLogger(__name__)

FIRST = "base"
"""What KubernetesPodOperator calls its container."""


@dataclass(frozen=True)
class PodRoom:
    """What a task wants room for.

    Attributes:
        conn_id: Airflow connection of the cluster.
        namespace: Where the pods go; empty for the pod's own, the connection's, else `default`.
        pod: One of them, a manifest or the path of one.
        share: Part of the free room that may be taken.
        max_pods: Upper bound, None for none.
        pods: So many start whatever fits now, None to count.
        least: Fewer are of no use.
        selector: Labels by which the pods are known once they are there.
        holds: How long the room is promised to them.
    """

    conn_id: str
    namespace: str
    pod: Mapping[str, Any] | str
    share: float
    max_pods: int | None = None
    pods: int | None = None
    least: int = 1
    selector: str = ""
    holds: timedelta = timedelta(minutes=10)

    def open(self, task_instance: Any) -> "KubernetesRoom":
        """Open the room for a task.

        Raises:
            ConfigError: The pod, the namespace or the connection cannot be so.
        """
        # The provider takes seconds to import, and a DAG file is parsed again and again.
        from shoal.airflow.hooks.cluster import connect, namespace_of  # noqa: PLC0415
        from shoal.airflow.operators.dag_runs import find_state, owner_of  # noqa: PLC0415
        from shoal.engines.kubernetes.room import KubernetesRoom, Terms  # noqa: PLC0415

        pod = complete_pod(self.pod)
        namespace = self.namespace or pod["metadata"].get("namespace") or namespace_of(self.conn_id)
        client = connect(self.conn_id)
        return KubernetesRoom(
            lambda: client,
            self._cluster(namespace),
            pod,
            lambda: owner_of(task_instance, whole=False),
            partial(find_state, task_instance),
            Terms(self.least, self.selector, self.holds, OF_TASK),
        )

    def _cluster(self, namespace: str) -> Cluster:
        bounds = {"share": self.share, "max_pods": self.max_pods, "pods": self.pods}
        try:
            return Cluster(kind="kubernetes", conn_id=self.conn_id, namespace=namespace, **bounds)
        except ValueError as err:
            raise ConfigError(f"namespace {namespace!r} cannot be so: {one_line(err, 300)} - correct it") from err


def complete_pod(pod: Mapping[str, Any] | str) -> dict[str, Any]:
    """Read a pod as KubernetesPodOperator takes it: a file or a manifest, its image and its container's name may come later.

    Raises:
        ConfigError: It is no pod.
    """
    found = read_pod(Path(pod)) if isinstance(pod, str) else pod_to_ask(pod, "the task's pod")
    containers = [
        {"name": FIRST, **each, "image": each.get("image") or "later"} for each in found["spec"]["containers"]
    ]
    return {**found, "spec": {**found["spec"], "restartPolicy": "Never", "containers": containers}}


def plain_pod(pod: Any) -> Any:
    """Turn a `V1Pod` of the client into a manifest; a manifest and a path stay as they are."""
    if isinstance(pod, (str, Mapping)):
        return pod
    if isinstance(pod, Path):
        return str(pod)
    from kubernetes.client import ApiClient  # noqa: PLC0415 - whoever has a V1Pod has it imported

    return ApiClient().sanitize_for_serialization(pod)


def whole_number(name: str, value: Any, least: int = 1) -> int | None:
    """Read a number of pods, which a template writes as text; None stays None.

    Raises:
        ConfigError: It is none, or below the least.
    """
    if value is None or (isinstance(value, str) and value in {"", "None"}):
        return None
    try:
        number = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else -1
    except ValueError:
        number = -1
    if number < least:
        raise ConfigError(f"{name} is {value!r}, not a whole number from {least} on - correct it")
    return number


def is_known(value: Any) -> bool:
    """Whether a number of pods is what it will be when the task runs: no template, nothing that another task returns."""
    return value is None or isinstance(value, int) or (isinstance(value, str) and "{" not in value)


@dataclass(frozen=True)
class Bounds:
    """How many pods a task wants.

    Attributes:
        least: Fewer are of no use.
        most: Upper bound; 0 for nothing.
        pods: So many start whatever fits now, None to count.
    """

    least: int
    most: int
    pods: int | None

    @classmethod
    def read(cls, min_pods: Any, max_pods: Any, pods: Any) -> "Bounds":
        """Read them as they were written, bounded by what Airflow maps at once: it fails a task that returns more.

        Raises:
            ConfigError: One is no number, or they exclude each other.
        """
        asked_most, mapped = whole_number("max_pods", max_pods, least=0), conf.getint("core", "max_map_length")
        bounds = cls(
            whole_number("min_pods", min_pods) or 1,
            mapped if asked_most is None else min(asked_most, mapped),
            whole_number("pods", pods),
        )
        if bounds.most:
            name = "core.max_map_length" if asked_most is None or mapped < asked_most else "max_pods"
            bounds._need_order(f"{name} {bounds.most}")
        return bounds

    def _need_order(self, most: str) -> None:
        if self.pods is not None and self.pods > self.most:
            raise ConfigError(
                f"pods {self.pods} is above {most} - start fewer or raise that, or leave pods out to count"
            )
        if self.pods is not None and self.least > self.pods:
            raise ConfigError(
                f"min_pods {self.least} is above pods {self.pods}, which start whatever fits - leave it out"
            )
        if self.least > self.most:
            raise ConfigError(f"min_pods {self.least} is above {most} - correct it")


def pods_of(dag_id: str, run_id: str, task_ids: Collection[str]) -> str:
    """Write the labels that KubernetesPodOperator gives the pods of these tasks in a Dag run."""
    from airflow.providers.cncf.kubernetes.pod_generator import make_safe_label_value as safe  # noqa: PLC0415

    tasks = ",".join(sorted(map(safe, task_ids)))
    return f"dag_id={safe(dag_id)},run_id={safe(run_id)},task_id in ({tasks})"
