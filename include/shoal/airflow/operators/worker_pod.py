"""The provider's operator, told how a worker's pod is made, started and waited for."""

from functools import cached_property
from inspect import unwrap
from typing import Any

from airflow.providers.cncf.kubernetes.hooks.kubernetes import PodOperatorHookProtocol
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodManager
from airflow.sdk import Context
from kubernetes.client import ApiClient, V1Pod

from shoal.airflow.triggers.shard_pod import ShardPodTrigger
from shoal.contract.errors import WorkerError
from shoal.engines.kubernetes.create_pod import create_pod, need_quota
from shoal.engines.kubernetes.manifests import GRACE_S, WORKER
from shoal.engines.kubernetes.overlay import Manifest
from shoal.engines.kubernetes.patience import patient
from shoal.engines.kubernetes.pod_watch import Bounds


class _OncePodManager(PodManager):
    """Asks once: the client has its own patience, the provider's beside it sleeps as long as a `Retry-After` says, hours too.

    It creates a pod once: the provider logs the whole of a pod that is refused.
    """

    delete_pod = unwrap(PodManager.delete_pod)
    read_pod_events = unwrap(PodManager.read_pod_events)

    def create_pod(self, pod: V1Pod) -> V1Pod:
        return self.run_pod_async(pod)

    def run_pod_async(self, pod: V1Pod, **_: Any) -> V1Pod:
        body = self._client.api_client.sanitize_for_serialization(pod)
        return create_pod(self._client, pod.metadata.namespace, body)


class WorkerPodOperator(KubernetesPodOperator):
    """Create a pod as it was made, and wait for it with Shoal's own trigger.

    Args:
        conn_id: Airflow connection of the cluster.
        namespace: Where the pod goes.
    """

    find_pod = unwrap(KubernetesPodOperator.find_pod)  # see _OncePodManager

    def __init__(self, *, conn_id: str, namespace: str, **kwargs: Any) -> None:
        super().__init__(
            kubernetes_conn_id=conn_id,
            namespace=namespace,
            base_container_name=WORKER,
            deferrable=True,
            # The stored identity of a pod outlives clearing and is not checked against the shard.
            durable=False,
            termination_grace_period=GRACE_S,
            termination_message_policy="FallbackToLogsOnError",
            **kwargs,
        )
        self._place = (conn_id, namespace)
        self._manifest: Manifest | None = None
        self._kept: dict[str, Any] = {}
        self._bounds = Bounds(GRACE_S)

    def start_pod(self, context: Context, manifest: Manifest, bounds: Bounds, kept: dict[str, Any]) -> None:
        """Start a pod and wait for it; `trigger_reentry` goes on from there.

        Args:
            context: The task's context.
            manifest: The pod.
            bounds: How long it is waited for.
            kept: What `trigger_reentry` is given besides the event: the task's own memory ends with its wait.
        """
        self._manifest, self._bounds, self._kept = manifest, bounds, kept
        # Not `execute`: that is for Airflow, which calls it for the task whose part this is.
        self.execute_async(context)

    @cached_property
    def hook(self) -> PodOperatorHookProtocol:
        """The provider's, which sends a request that a busy API server refuses again."""
        hook = super().hook
        patient(hook.core_v1_client.api_client)
        return hook

    @cached_property
    def pod_manager(self) -> PodManager:
        """The provider's, which creates a pod once."""
        return _OncePodManager(kube_client=self.client, callbacks=self.callbacks)

    def build_pod_request_obj(self, context: Context | None = None, *, dry_run: bool = False) -> V1Pod:
        """Make the shard's pod, with the labels by which the provider knows it."""
        self.pod_template_dict = self._manifest
        return super().build_pod_request_obj(context, dry_run=dry_run)

    def get_or_create_pod(self, pod_request_obj: V1Pod, context: Context) -> V1Pod:
        """Create the pod once no quota is in the way: the provider logs the whole of a pod that is refused."""
        body = ApiClient().sanitize_for_serialization(pod_request_obj)
        need_quota(self.client, pod_request_obj.metadata.namespace, body)
        return super().get_or_create_pod(pod_request_obj, context)

    def invoke_defer_method(self, last_log_time: Any = None, context: Context | None = None) -> None:  # noqa: ARG002
        """Wait with Shoal's own trigger: it sees the sidecar too, and stores no credentials."""
        if self.pod is None:
            raise WorkerError("No pod was started - clear the task")
        name, in_cluster = self.pod.metadata.name, bool(self.hook.is_in_cluster)
        trigger = ShardPodTrigger(
            *self._place,
            name,
            GRACE_S,
            queue_s=self._bounds.queue_s,
            work_s=self._bounds.work_s,
            in_cluster=in_cluster,
        )
        self.defer(trigger=trigger, method_name="trigger_reentry", kwargs=self._kept)
