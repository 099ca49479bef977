"""One shard as a pod: the worker, and beside it the sidecar that mounts the bucket."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException
from kubernetes.client import ApiClient, ApiException, V1Pod

from shoal.airflow.hooks.object_store import read_access
from shoal.airflow.operators.dag_runs import owner_of
from shoal.airflow.operators.note_failures import noted_failures
from shoal.airflow.operators.translate import translated_errors
from shoal.airflow.pages.links import PlanLink
from shoal.airflow.triggers.shard_pod import ShardPodTrigger
from shoal.contract.errors import QuotaExceededError, ShoalError, WorkerCrashError, WorkerError
from shoal.engines.engine import Workers
from shoal.engines.kubernetes.engine import KubernetesEngine, judge_pod
from shoal.engines.kubernetes.errors import NOT_FOUND, REQUEST_ERRORS, explained
from shoal.engines.kubernetes.manifests import GRACE_S, WORKER
from shoal.engines.kubernetes.mount_sidecar import SIDECAR
from shoal.engines.kubernetes.overlay import Manifest
from shoal.engines.kubernetes.pod_status import find_sidecar_end
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import open_stores
from shoal.shards.attempt import Waiting, go_on_after, prepare_shard

log = logging.getLogger(__name__)

QUOTA_PAUSE = timedelta(seconds=30)
SIDECAR_LINES = 20


class ShardPodOperator(KubernetesPodOperator):
    """Run the worker over one shard in a pod, and wait for it without holding a task slot.

    The task's state decides nothing: rows do. Before every attempt but the first, cleared or retried, the shard is joined
    with what is settled now, so nothing is inferred twice and a shard without open images starts no pod.

    Args:
        dataset: The dataset's settings, as `Dataset.model_dump(mode="json")` writes them.
        shard: One element of what the plan returned.
    """

    template_fields: Sequence[str] = ("shard",)
    ui_color = "#d9efe3"
    operator_extra_links = (PlanLink(),)

    def __init__(self, *, dataset: dict[str, Any], shard: dict[str, Any], **kwargs: Any) -> None:
        self.dataset = dataset
        self.shard = shard
        super().__init__(
            kubernetes_conn_id=dataset["cluster"]["conn_id"],
            namespace=dataset["cluster"]["namespace"],
            base_container_name=WORKER,
            deferrable=True,
            # The stored identity of a pod outlives clearing and is not checked against the shard.
            durable=False,
            termination_grace_period=GRACE_S,
            termination_message_policy="FallbackToLogsOnError",
            **kwargs,
        )

        self._manifest: Manifest | None = None
        self._attempt = ""
        self._rounds = 0
        self._seen: dict[str, str | None] = {}

    @property
    def linked_run(self) -> dict[str, Any]:
        """The run whose plan the button shows."""
        return self.shard

    def execute(self, context: Context) -> None:
        """Start the pod and wait for it, unless the shard has nothing left to do."""
        self._start(context, None)

    def try_again(self, context: Context, event: Any, waiting: dict[str, Any]) -> None:  # noqa: ARG002 - Airflow passes the event
        """Start the pod after a ResourceQuota was full."""
        self._rounds = waiting.get("rounds", 0)
        self._start(context, Waiting(**waiting))

    def build_pod_request_obj(self, context: Context | None = None, *, dry_run: bool = False) -> V1Pod:
        """Make the shard's pod, with the labels by which the provider knows it."""
        self.pod_template_dict = self._manifest
        return super().build_pod_request_obj(context, dry_run=dry_run)

    def get_or_create_pod(self, pod_request_obj: V1Pod, context: Context) -> V1Pod:
        """Create the pod once no quota is in the way: the provider logs the whole of a pod that is refused."""
        try:
            with explained(f"start a pod in namespace {self.namespace}"):
                body = ApiClient().sanitize_for_serialization(pod_request_obj)
                self.client.create_namespaced_pod(self.namespace, body, dry_run="All")
        except QuotaExceededError:
            raise
        except ShoalError as err:
            log.debug("The pod could not be tried beforehand: %s", err)  # the real one says it better
        return super().get_or_create_pod(pod_request_obj, context)

    def invoke_defer_method(self, last_log_time: Any = None, context: Context | None = None) -> None:  # noqa: ARG002
        """Wait with Shoal's own trigger: it sees the sidecar too, and stores no credentials."""
        if self.pod is None:
            raise WorkerError("No pod was started - clear the task")
        cluster = self.dataset["cluster"]
        name, in_cluster = self.pod.metadata.name, bool(self.hook.is_in_cluster)
        trigger = ShardPodTrigger(cluster["conn_id"], cluster["namespace"], name, GRACE_S, in_cluster=in_cluster)
        kwargs = {"attempt": self._attempt, "rounds": self._rounds + 1}
        self.defer(trigger=trigger, method_name="trigger_reentry", kwargs=kwargs)

    def trigger_reentry(self, context: Context, event: dict[str, Any], attempt: str = "", rounds: int = 1) -> None:
        """Pass the worker's lines on, judge the pod, delete it; start the next one where a crash showed its image."""
        with translated_errors(), self._noted(context):
            with explained("look at the pod"):
                failure = self._judge(event)
            if isinstance(failure, WorkerCrashError):
                go_on_after(
                    failure, open_stores(Dataset.model_validate(self.dataset), read_access), self.shard, attempt, rounds
                )
            elif failure is not None:
                raise failure
            else:
                return
        self._rounds = rounds
        self._start(context, None)

    def _noted(self, context: Context) -> AbstractContextManager[None]:
        return noted_failures(self.dataset, self.shard, context["ti"].try_number, self._seen)

    def _start(self, context: Context, waiting: Waiting | None) -> None:
        with translated_errors(), self._noted(context):
            dataset = Dataset.model_validate(self.dataset)
            repeated = context["ti"].try_number > 1 or self._rounds > 0
            owner, engine = owner_of(context["ti"]), self._engine(dataset)
            if repeated and not waiting:
                engine.end_earlier(owner, int(self.shard["shard"]))
            work = prepare_shard(open_stores(dataset, read_access), self.shard, repeated=repeated, waiting=waiting)
            if work is None:
                return
            self._attempt = work.command.attempt
            try:
                with explained(f"start a pod in namespace {dataset.cluster.namespace}"):
                    self._manifest = engine.prepare(work, owner)
                    super().execute(context)
            except QuotaExceededError as err:
                before = waiting or Waiting(work.command.attempt, work.left)
                if before.waited_s >= dataset.cluster.wait.total_seconds():
                    raise
                pause_s = QUOTA_PAUSE.total_seconds()
                if before.said != str(err):
                    log.info("%s; trying again every %.0f s", err, pause_s)
                now = Waiting(work.command.attempt, work.left, before.waited_s + pause_s, str(err), self._rounds)
                self.defer(
                    trigger=TimeDeltaTrigger(QUOTA_PAUSE), method_name="try_again", kwargs={"waiting": asdict(now)}
                )

    def _engine(self, dataset: Dataset) -> KubernetesEngine:
        return KubernetesEngine(Workers.of(dataset), lambda _: self.client.api_client)

    def _judge(self, event: dict[str, Any]) -> ShoalError | None:
        self._seen["pod"] = name = event["name"]
        pod = self._find_pod(name)
        if pod is not None:
            self._seen["node"] = pod.spec.node_name
        failure = judge_pod(name, ApiClient().sanitize_for_serialization(pod), event["status"], event["message"])
        if pod is None:
            return failure
        if event["status"] == "lost":
            self._forget(name)
            return failure
        self._pass_on_log(name, WORKER)
        if failure is not None:
            self._tell_about(pod)
        self.pod_manager.delete_pod(pod)
        return failure

    def _find_pod(self, name: str) -> V1Pod | None:
        try:
            return self.hook.get_pod(name, self.dataset["cluster"]["namespace"])
        except ApiException as err:
            if err.status != NOT_FOUND:
                raise
            return None

    def _forget(self, name: str) -> None:
        """Forget a pod whose node does not answer; if it works on unseen, its rows are as good as the next one's."""
        try:
            self.client.delete_namespaced_pod(name, self.namespace, grace_period_seconds=0)
        except ApiException as err:
            if err.status != NOT_FOUND:
                raise

    def _tell_about(self, pod: V1Pod) -> None:
        """Log what helps to understand a failure: the sidecar's last lines and the pod's warnings."""
        if any(container.name == SIDECAR for container in pod.spec.init_containers or ()):
            if ended := find_sidecar_end(ApiClient().sanitize_for_serialization(pod)):
                log.warning("The sidecar ended and was started again (%s); what it said before:", ended)
                self._pass_on_log(pod.metadata.name, SIDECAR, tail_lines=SIDECAR_LINES, previous=True)
            self._pass_on_log(pod.metadata.name, SIDECAR, tail_lines=SIDECAR_LINES)
        try:
            events = self.pod_manager.read_pod_events(pod).items
        except (*REQUEST_ERRORS, AirflowException) as err:
            log.warning("The pod's events cannot be read: %s", str(err).split("\n", 1)[0])
            return
        for event in events:
            if event.type == "Warning":
                log.warning("pod event %s: %s", event.reason, event.message)

    def _pass_on_log(self, name: str, container: str, **options: Any) -> None:
        try:
            # The client would hand over the text of a bytes object.
            reply = self.client.read_namespaced_pod_log(
                name, self.namespace, container=container, _preload_content=False, **options
            )
            text = reply.data.decode("utf-8", "replace")
        except REQUEST_ERRORS as err:
            log.warning("The log of container %s cannot be read: %s", container, str(err).split("\n", 1)[0])
            return
        for line in text.splitlines():
            log.info("%s: %s", container, line)
