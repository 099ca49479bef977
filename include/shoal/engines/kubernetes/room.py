"""How many of a dataset's pods may start now, counted and promised in one turn."""

from dataclasses import dataclass
from datetime import datetime

from kubernetes.client import ApiClient, CoreV1Api

from shoal.capacity.scheduler.pods import scheduled_part
from shoal.capacity.scheduler.snapshot import Promise
from shoal.capacity.share import Capacity, take_share
from shoal.contract.job import WorkerCommand
from shoal.engines.kubernetes.cluster import EffectivePod, effective_pod, fit_effective
from shoal.engines.kubernetes.errors import explained
from shoal.engines.kubernetes.manifests import ShardPod, shard_pod
from shoal.engines.kubernetes.overlay import Manifest
from shoal.engines.kubernetes.owned_objects import DagRunId, RunObjects, RunPromise
from shoal.engines.kubernetes.planning_turn import planning_turn
from shoal.settings.dataset import Dataset


@dataclass(frozen=True)
class PodRoom:
    """The cluster of a dataset, as one Dag run sees it.

    Attributes:
        api_client: The cluster.
        dataset: Pod, namespace and share.
        owner: The Dag run that asks.
    """

    api_client: ApiClient
    dataset: Dataset
    owner: DagRunId

    @property
    def objects(self) -> RunObjects:
        """What Shoal's runs own in the namespace."""
        return RunObjects(self._core, self.dataset.cluster)

    @property
    def _core(self) -> CoreV1Api:
        return CoreV1Api(self.api_client)

    def find(self, *, promise: bool) -> Capacity:
        """Count the pods that may start now, less what other runs promised, and promise them.

        Args:
            promise: Whether pods will follow; a plan alone promises nothing.

        Raises:
            InsufficientCapacityError: Not one fits now.
            NeverFitsError: Not one would ever fit.
            ConfigError: Namespace, rights or pod are wrong.
            ClusterError: The cluster does not answer.
        """
        namespace = self.dataset.cluster.namespace
        turn = planning_turn(self._core, self.dataset.cluster)
        with explained(f"plan in namespace {namespace}"), turn as now:
            # What admission refuses now it refuses every shard.
            pod = effective_pod(self.api_client, namespace, sample_pod(self.dataset))
            capacity = self._count(pod, now)
            if promise:
                promised = RunPromise(self.owner.name, capacity.pods, scheduled_part(pod.pod))
                self.objects.promise(self.owner, promised, now)
        return capacity

    def _count(self, pod: EffectivePod, now: datetime) -> Capacity:
        cluster = self.dataset.cluster
        if cluster.pods is not None:
            reason = f"cluster.pods {cluster.pods}: started whatever fits now, they wait Pending for room"
            return Capacity(cluster.pods, cluster.pods, (), reason)
        promised = [Promise(other.pod, other.pods) for other in self.objects.list_promises(self.owner.name, now)]
        fit = fit_effective(self.api_client, cluster.namespace, pod, promised)
        return take_share(fit, cluster.share, cluster.max_pods)


def sample_pod(dataset: Dataset) -> Manifest:
    """Make a pod like those of a dataset's shards, to ask the cluster about."""
    shard = ShardPod(
        run_name="shoal-sample",
        run_key="sample",
        command=WorkerCommand("", "", 0, "sample00"),
        source_bucket=dataset.source.bucket,
        probe_key="",
    )
    pod = shard_pod(dataset.cluster, dataset.worker, dataset.sidecar, shard)
    # A sample has no name of its own: it must not meet a real pod's.
    pod["metadata"]["generateName"] = f"{pod['metadata'].pop('name')}-"
    return pod
