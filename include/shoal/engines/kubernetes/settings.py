"""What a dataset file says of its pods: judged and described without the client of Kubernetes, whose import takes a second.

Airflow asks for that whenever it reads the DAG file, and in every task.
"""

from shoal.contract.worker_command import WorkerCommand
from shoal.engines.engine import Workers
from shoal.engines.kubernetes.manifests import ShardPod, shard_pod
from shoal.engines.kubernetes.overlay import Manifest
from shoal.stores.rclone_access import RcloneAccess


class KubernetesSettings:
    """See `engine.EngineSettings`."""

    def __init__(self, workers: Workers) -> None:
        self._workers, self._cluster = workers, workers.cluster

    def describe(self) -> str:  # noqa: D102
        pod, image = self._cluster.pod, self._workers.worker.image
        service = self._workers.worker.service
        beside = f"; beside it a service of {service.describe()}, image {service.image}" if service else ""
        volume = self._workers.volume
        way = f"transfer {pod.transfer}" if volume is None else f"images in {volume.describe()}"
        if self._workers.source_kind == RcloneAccess.kind:
            way = f"images by rclone from {self._workers.bucket}"
        return f"pods in namespace {self._cluster.namespace}, {pod.describe()}, {way}, image {image}{beside}"

    def need_settings(self) -> None:  # noqa: D102
        self.sample_pod()

    def sample_pod(self) -> Manifest:  # noqa: D102
        command = WorkerCommand("", "", 0, "sample00")
        bucket, volume = self._workers.bucket, self._workers.volume
        pod = self.make_pod(
            ShardPod(
                "shoal-sample", "sample", command, bucket, "", source_kind=self._workers.source_kind, volume=volume
            )
        )
        # A sample has no name of its own: it must not meet a real pod's.
        pod["metadata"]["generateName"] = f"{pod['metadata'].pop('name')}-"
        return pod

    def make_pod(self, shard: ShardPod) -> Manifest:
        """Make the pod of a shard."""
        return shard_pod(self._cluster, self._workers.worker, self._workers.sidecar, shard)
