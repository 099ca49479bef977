"""A plan of a few images and one worker over them: the last step of a check, whose rows the next run reuses."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes.client import ApiClient, CoreV1Api

from shoal.capacity.share import Capacity
from shoal.contract.errors import WorkerError
from shoal.contract.job import WorkerCommand
from shoal.contract.layout import mint_attempt
from shoal.contract.run_names import CHECK_DAG_ID
from shoal.engines.kubernetes.errors import explained
from shoal.engines.kubernetes.manifests import GRACE_S, WORKER, ShardPod, run_secret, shard_pod
from shoal.engines.kubernetes.owned_objects import DagRunId, RunObjects
from shoal.engines.kubernetes.pod_status import find_failure
from shoal.engines.kubernetes.pod_watch import STARTS_S, PodWatch, last_event, look
from shoal.engines.local.process import WorkerProcess
from shoal.plan.document import Plan
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.settings.run_form import RunParams
from shoal.tables.session import open_database

IMAGES = 20
GONE_S = 90.0
_ONE_POD = Capacity(1, 1, (), "one pod, for a check")


@dataclass(frozen=True)
class SampleRun:
    """One worker over the first images of a dataset.

    Attributes:
        dataset: The dataset.
        stores: Its buckets.
        plan: A plan of one shard.
    """

    dataset: Dataset
    stores: Stores
    plan: Plan

    @classmethod
    def prepare(cls, dataset: Dataset, stores: Stores) -> "SampleRun":
        """Plan the first images, also those that have a row: two rows of one image say the same and count once."""
        request = PlanRequest(dataset, RunParams(limit=IMAGES), dag_id=CHECK_DAG_ID, again=True)
        return cls(dataset, stores, make_plan(request, stores, lambda: _ONE_POD))

    def run_process(self, say: Callable[[str], None]) -> None:
        """Run the worker on this machine.

        Raises:
            ConfigError, WorkerError: See `judge_exit`.
        """
        WorkerProcess().run(self._command(), self.stores.worker_env(), say)

    def run_pod(self, api_client: ApiClient, say: Callable[[str], None]) -> None:
        """Run the worker in a pod, wait for it, and leave nothing behind.

        Raises:
            ConfigError, WorkerError: It could not start, or did not do its shard.
            ClusterError: The cluster does not answer.
        """
        cluster, owner = self.dataset.cluster, DagRunId("", CHECK_DAG_ID, self.plan.run_key)
        name, core = owner.name, CoreV1Api(api_client)
        objects = RunObjects(core, cluster)
        with explained(f"run a pod in namespace {cluster.namespace}"):
            uid = objects.ensure_config_map(owner)
            try:
                objects.put_secret(run_secret(cluster, name, uid, self.stores.accesses()))
                shard = ShardPod(
                    run_name=name,
                    run_key=self.plan.run_key,
                    command=self._command(),
                    source_bucket=self.dataset.source.bucket,
                    probe_key=self.plan.work.shards[0].first_key,
                    owner_uid=uid,
                )
                pod = shard_pod(cluster, self.dataset.worker, self.dataset.sidecar, shard)
                core.create_namespaced_pod(cluster.namespace, pod)
                self._watch(core, pod["metadata"]["name"], say)
            finally:
                objects.delete_run(name, GONE_S)

    def count_rows(self) -> tuple[int, float]:
        """Count the rows the worker wrote, and average their seconds."""
        layout = self.stores.layout.variant(self.plan.variant.directory)
        parts = [key for key in self.stores.results.list_keys(layout.parts) if self.plan.run_key in key]
        with open_database(self.stores.results) as database:
            database.view_rows(parts)
            (found,) = database.records("SELECT count(*) AS images, coalesce(avg(seconds), 0) AS seconds FROM rows")
        return int(found["images"]), float(found["seconds"])

    def _command(self) -> WorkerCommand:
        run = self.stores.layout.variant(self.plan.variant.directory).run(self.plan.run_key)
        return WorkerCommand(self.stores.results.bucket, run.plan, 0, mint_attempt())

    def _watch(self, core: CoreV1Api, name: str, say: Callable[[str], None]) -> None:
        namespace, started_s, watch = self.dataset.cluster.namespace, time.monotonic(), PodWatch()
        while watch.status != "over":
            pod = _read(core, name, namespace)
            event = _read_last_event(core, name, namespace) if watch.wants_event(time.monotonic()) else None
            watch = look(watch, pod, time.monotonic(), GRACE_S, event)
            if watch.news:
                say(watch.news)
            if watch.status == "lost":
                raise WorkerError(
                    f"Pod {name} was told to go and node {pod['spec']['nodeName']} does not say that it went"
                )
            if watch.status == "stuck":
                raise WorkerError(watch.message)
            if pod["status"].get("phase") == "Pending" and time.monotonic() - started_s > STARTS_S:
                raise WorkerError(
                    f"Pod {name} is Pending for {STARTS_S:.0f} s - see its events: kubectl describe pod -n {namespace} {name}"
                )
            time.sleep(1)
        reply = core.read_namespaced_pod_log(name, namespace, container=WORKER, _preload_content=False)
        for line in reply.data.decode("utf-8", "replace").splitlines():
            say(line)
        if (failure := find_failure(pod)) is not None:
            raise failure


def _read(core: CoreV1Api, name: str, namespace: str) -> dict[str, Any]:
    pod: dict[str, Any] = core.api_client.sanitize_for_serialization(core.read_namespaced_pod(name, namespace))
    return pod


def _read_last_event(core: CoreV1Api, name: str, namespace: str) -> Mapping[str, Any] | None:
    found = core.list_namespaced_event(namespace, field_selector=f"involvedObject.name={name}").items
    return last_event(core.api_client.sanitize_for_serialization(found))
