"""One shard as a pod: the worker, and beside it the sidecar that mounts the bucket."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import Context
from kubernetes.client import ApiClient, ApiException, V1Pod

from shoal.airflow.open_runs import OpenRun, keep_open
from shoal.airflow.operators.dag_runs import owner_of
from shoal.airflow.operators.frozen_run import FrozenRun
from shoal.airflow.operators.note_failures import noted_failures
from shoal.airflow.operators.pod_log import pass_on_log, tell_about, tell_beside
from shoal.airflow.operators.translate import translated_errors
from shoal.airflow.operators.worker_pod import WorkerPodOperator
from shoal.contract.errors import NoRoomInTimeError, QuotaExceededError, ShoalError, WorkerCrashError, first_line
from shoal.engines.engine import Workers
from shoal.engines.kubernetes.engine import KubernetesEngine, judge_pod
from shoal.engines.kubernetes.errors import NOT_FOUND, REQUEST_ERRORS, explained, is_told
from shoal.engines.kubernetes.manifests import DONE_GRACE_S, GRACE_S, WORKER
from shoal.engines.kubernetes.pod_containers import worker_of
from shoal.engines.kubernetes.pod_log import read_last_words
from shoal.settings.attempt_time import queue_of, tell_waited
from shoal.settings.changed import stored_settings
from shoal.settings.dataset import Dataset
from shoal.shards.attempt import ShardWork, Waiting, go_on_after, prepare_shard

log = logging.getLogger(__name__)

QUOTA_PAUSE = timedelta(seconds=30)


class ShardPod(WorkerPodOperator):
    """Runs the worker over one shard in a pod, and waits for it without holding a task slot; see `shard.ShardRunner`.

    No task by itself: `ShardOperator` is, and hands its own calls on.
    """

    # Nothing of it is rendered: `ShardOperator` has rendered the shard.
    template_fields: Sequence[str] = ()

    def __init__(
        self, *, cluster: Mapping[str, str], find_run: Callable[[], FrozenRun], shard: Mapping[str, Any], **kwargs: Any
    ) -> None:
        self._find_run = find_run
        self._shard = shard
        self._where = dict(cluster)
        self._rounds = 0
        self._seen: dict[str, str | None] = {}
        super().__init__(conn_id=cluster["conn_id"], namespace=cluster["namespace"], **kwargs)

    def begin(self, context: Context) -> None:
        """Start the pod and wait for it, unless the shard has nothing left to do."""
        self._start(context, None)

    def try_again(self, context: Context, event: Any, waiting: dict[str, Any]) -> None:  # noqa: ARG002 - Airflow passes the event
        """Start the pod after a ResourceQuota was full."""
        self._rounds = waiting.get("rounds", 0)
        self._start(context, Waiting(**waiting))

    def trigger_reentry(self, context: Context, event: dict[str, Any], attempt: str = "", rounds: int = 1) -> None:
        """Pass the worker's lines on, judge the pod, delete it; start the next one where a crash showed its image."""
        with translated_errors(), self._noted(context):
            with explained("look at the pod"):
                failure = self._judge(event)
            if isinstance(failure, WorkerCrashError):
                go_on_after(failure, self._find_run().stores, self._shard, attempt, rounds)
            elif failure is not None:
                raise failure
            else:
                return
        self._rounds = rounds
        self._start(context, None)

    def stop(self) -> None:
        """Delete the pod; its worker writes what it has."""
        self.on_kill()

    def on_kill(self) -> None:
        """Delete the pod with the client's own patience: the provider's may outlast the time that a killed task has."""
        if self.pod is not None:
            self._delete(self.pod.metadata.name, GRACE_S)

    def _noted(self, context: Context) -> AbstractContextManager[None]:
        return noted_failures(lambda: self._find_run().stores, self._shard, context["ti"].try_number, self._seen)

    def _start(self, context: Context, waiting: Waiting | None) -> None:
        with translated_errors(), self._noted(context):
            dataset = self._find_run().dataset
            self._keep_open(context, dataset)
            repeated = context["ti"].try_number > 1 or self._rounds > 0
            owner, engine = owner_of(context["ti"]), self._engine()
            if repeated and not waiting:
                engine.end_earlier(owner, int(self._shard["shard"]))
            work = prepare_shard(self._find_run().stores, self._shard, repeated=repeated, waiting=waiting)
            if work is None:
                return
            kept = {"attempt": work.command.attempt, "rounds": self._rounds + 1, "cluster": self._where}
            try:
                with explained(f"start a pod in namespace {dataset.cluster.namespace}"):
                    self.start_pod(context, engine.prepare(work, owner), engine.bounds(work), kept)
            except QuotaExceededError as err:
                self._wait_for_quota(work, waiting, queue_of(dataset.cluster), err)

    def _keep_open(self, context: Context, dataset: Dataset) -> None:
        """A run that had ended and whose shards were cleared owns pods again: some plan has to know of them."""
        instance = context["ti"]
        settings, run_key = stored_settings(dataset), str(self._shard["run_key"])
        home = str(getattr(context.get("task"), "home", ""))
        keep_open(OpenRun(instance.dag_id, instance.run_id, settings, self._where, run_key, home=home))

    def _wait_for_quota(
        self, work: ShardWork, waiting: Waiting | None, longest: timedelta, err: QuotaExceededError
    ) -> None:
        """Come back later without holding a slot, or give up for good: the next attempt would only wait as long again."""
        before, pause_s = waiting or Waiting(work.command.attempt, work.left), QUOTA_PAUSE.total_seconds()
        if before.waited_s >= longest.total_seconds():
            raise NoRoomInTimeError(f"{tell_waited('A ResourceQuota was full', longest)}: {err}") from err
        if not is_told(str(err), before.said):
            log.info("%s; trying again every %.0f s", err, pause_s)
        now = Waiting(work.command.attempt, work.left, before.waited_s + pause_s, str(err), self._rounds)
        self.defer(trigger=TimeDeltaTrigger(QUOTA_PAUSE), method_name="try_again", kwargs={"waiting": asdict(now)})

    def _engine(self) -> KubernetesEngine:
        return KubernetesEngine(Workers.of(self._find_run().dataset), lambda _: self.client.api_client)

    def _judge(self, event: dict[str, Any]) -> ShoalError | None:
        self._seen["pod"] = name = event["name"]
        pod = self._find_pod(name)
        if pod is not None:
            self._seen["node"] = pod.spec.node_name
        seen = ApiClient().sanitize_for_serialization(pod)
        read_words = partial(read_last_words, self.client, name, self._where["namespace"])
        failure = judge_pod(name, seen, event["status"], event["message"], read_words)
        if pod is None:
            return failure
        if event["status"] == "lost":
            self._delete(name, grace_s=0)  # if it works on unseen, its rows are as good as the next one's
            return failure
        if worker_of(seen).has_begun:  # else it has no log
            pass_on_log(self.client, pod, WORKER)
        tell_beside(self.client, pod, seen)
        if failure is not None:
            tell_about(self.client, self.pod_manager, pod)
        self._delete(name, grace_s=DONE_GRACE_S if event["status"] == "over" else GRACE_S)
        return failure

    def _find_pod(self, name: str) -> V1Pod | None:
        try:
            return self.hook.get_pod(name, self._where["namespace"])
        except ApiException as err:
            if err.status != NOT_FOUND:
                raise
            return None

    def _delete(self, name: str, grace_s: int) -> None:
        """Delete a pod; where that fails, the next attempt or the end of the run does it, and what the worker did stands."""
        try:
            self.client.delete_namespaced_pod(name, self._where["namespace"], grace_period_seconds=grace_s)
        except REQUEST_ERRORS as err:
            if getattr(err, "status", None) != NOT_FOUND:
                log.warning("Pod %s is not deleted yet: %s", name, first_line(err))
